"""The method "percentile": the finest exponent at which only 1 of 10,000 values saturates.

Must never weigh how far a value lies outside.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..calibration import TensorRange
from ..exponents import Integers, integer_limits

#: The share of values that may saturate.
OUTSIDE = 1e-4


def percentile(seen: TensorRange, exponents: Integers, bits: int) -> npt.NDArray[np.float64]:
    """The cost of an exponent is its own size, unless too much saturates at it.

    Parameters
    ----------
    seen : TensorRange
        What calibration measured, its histogram included.
    exponents : int64 array (E,)
        The candidates.
    bits : int
        Width of the integers.

    Returns
    -------
    float64 array (E,)
        Infinite where more than `OUTSIDE` of all values, zeros among them, saturates.
    """
    histogram = seen.histogram
    if histogram is None or not histogram.counts.any():
        return np.zeros(len(exponents))
    centers = histogram.centers()
    lowest, highest = integer_limits(bits)
    steps = 2.0 ** exponents.astype(np.float64)[:, np.newaxis]
    outside = (centers < (lowest - 0.5) * steps) | (centers > (highest + 0.5) * steps)
    share = (outside * histogram.counts).sum(axis=1) / histogram.total
    return np.where(share > OUTSIDE, np.inf, steps[:, 0])
