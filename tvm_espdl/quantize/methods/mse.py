"""The method "mse": the exponent that makes the squared error of the tensor smallest.

Must never guess: there are only a few exponents, and each is tried on the measured distribution.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..calibration import TensorRange
from ..exponents import Integers, integer_limits


def mse(seen: TensorRange, exponents: Integers, bits: int) -> npt.NDArray[np.float64]:
    """Noise over signal of a tensor at each exponent.

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
        Sum of squared errors, over the sum of squares: rounding within the range, saturation
        outside. Zeros cost nothing.
    """
    histogram = seen.histogram
    if histogram is None or not histogram.counts.any():
        return np.zeros(len(exponents))
    used = np.flatnonzero(histogram.counts)
    counts, centers = histogram.counts[used], histogram.centers()[used]
    lowest, highest = integer_limits(bits)
    costs = np.empty(len(exponents))
    for place, exponent in enumerate(exponents):
        step = 2.0 ** int(exponent)
        held = np.clip(np.rint(centers / step), lowest, highest) * step
        error = (centers - held) ** 2
        if step < 2 * histogram.width:
            # The bins are too coarse to see the rounding; inside the range it is even noise.
            inside = (centers >= (lowest - 0.5) * step) & (centers <= (highest + 0.5) * step)
            error = np.where(inside, step * step / 12, error)
        costs[place] = (counts * error).sum()
    return costs / (counts * centers**2).sum()
