"""The method "minmax": the finest scale at which no value seen in calibration saturates.

Must never look at anything but the range that calibration measured.
"""

from __future__ import annotations

from ...chips import Rounding
from ..calibration import TensorRange
from ..exponents import smallest_exponent


def minmax(seen: TensorRange, rounding: Rounding) -> int:
    """The exponent of an int8 activation tensor from its smallest and largest value.

    Parameters
    ----------
    seen : TensorRange
        What calibration measured.
    rounding : str
        `chip.rounding`.
    """
    return smallest_exponent(seen.low, seen.high, 8, rounding)
