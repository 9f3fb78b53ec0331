"""What of a tensor saturates at an exponent, counted from its histogram, and its bars to draw.

Must never guess inside a bin: where the limit lies in one, both bounds are given.
"""

from __future__ import annotations

import math

import numpy as np

from ...chips import Rounding
from ..exponents import Integers, integer_limits
from ..histogram import BINS, Histogram
from .rows import Bars

#: Bars of a drawing, positive and negative ones together.
BARS = 128


def clipped_shares(
    histogram: Histogram, exponent: int, bits: int, rounding: Rounding
) -> tuple[float, float]:
    """Share of the values that saturate: at least, and at most.

    Equal where the limits fall between two bins, or no value lies in the bins across them. Limits
    are ties, multiples of half a step, and bins as narrow as that for int8. The rounding decides
    about values on the tie next to the limit.
    """
    if not histogram.total:
        return 0.0, 0.0
    lowest, highest = integer_limits(bits)
    # Above the upper tie, and on it, values round to highest + 1 in both roundings; the lower
    # tie itself rounds to lowest in both.
    upper = math.ldexp(highest + 0.5, exponent) / histogram.width + BINS
    lower = math.ldexp(lowest - 0.5, exponent) / histogram.width + BINS
    counts = histogram.counts
    beyond = _above(counts, upper) + _above(counts[::-1], len(counts) - lower)
    least = int(beyond[0])
    if not (histogram.low < math.ldexp(lowest - 0.5, exponent)) and not (
        histogram.high >= math.ldexp(highest + 0.5, exponent)
    ):
        return 0.0, 0.0  # the extremes are known exactly
    return least / histogram.total, (least + int(beyond[1])) / histogram.total


def _above(counts: Integers, edge: float) -> Integers:
    """Values in bins wholly from `edge` on, and those in the bin across it."""
    first = min(max(math.ceil(edge), 0), len(counts))
    across = math.floor(edge)
    partly = counts[across] if across != first and 0 <= across < len(counts) else 0
    return np.array([counts[first:].sum(), partly])


def bars_of(histogram: Histogram) -> Bars:
    """The histogram with few enough bars to be drawn."""
    counts = histogram.counts.reshape(BARS, -1).sum(axis=1)
    reach = math.ldexp(1.0, histogram.range_exponent)
    return Bars(reach, tuple(counts.tolist()), histogram.zeros)
