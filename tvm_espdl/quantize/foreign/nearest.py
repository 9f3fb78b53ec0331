"""The exponent nearest to a range that somebody else chose.

Must never look at data: a range is all there is to go by.
"""

from __future__ import annotations

import math

from ..exponents import HIGHEST_EXPONENT, LOWEST_EXPONENT, integer_limits, smallest_exponent

#: A calibrated range is taken to end at this many standard deviations of its values.
DEVIATIONS = 4.0


def nearest_exponent(low: float, high: float, bits: int) -> int:
    """Choose between the smallest scale that covers a range and the next smaller one.

    That is, the one with the smaller expected squared error (`expected_error`).
    """
    # Both roundings agree but for ties at the limits, which cost half a step at the most.
    covering = smallest_exponent(low, high, bits, "half_even")
    if covering > HIGHEST_EXPONENT:
        return HIGHEST_EXPONENT
    if covering == LOWEST_EXPONENT or low == high:
        return covering
    errors = [expected_error(low, high, exponent, bits) for exponent in (covering - 1, covering)]
    return covering - 1 if errors[0] < errors[1] else covering


def expected_error(low: float, high: float, exponent: int, bits: int) -> float:
    """Expect the squared error of integers at scale 2**exponent, rounding and saturation.

    Values are taken to be normally distributed around 0, the end of the range that lies farther
    out being `DEVIATIONS` standard deviations away; it is not 0. Rounding costs step**2 / 12,
    saturation at c the integral of (x - c)**2 times the density, from c to the end of the range.
    """
    deviation = max(abs(low), abs(high)) / DEVIATIONS
    step = math.ldexp(1.0, exponent)
    lowest, highest = integer_limits(bits)
    above = _tail(highest * step / deviation, high / deviation)
    below = _tail(-lowest * step / deviation, -low / deviation)
    return step * step / 12 + (above + below) * deviation**2


def _tail(cut: float, end: float) -> float:
    """The integral of (x - cut)**2 times the standard normal density from `cut` to `end`."""
    if end <= cut:
        return 0.0

    def density(x: float) -> float:
        return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)

    mass = (math.erfc(cut / math.sqrt(2)) - math.erfc(end / math.sqrt(2))) / 2
    first = density(cut) - density(end)
    second = cut * density(cut) - end * density(end) + mass
    return max(second - 2 * cut * first + cut * cut * mass, 0.0)
