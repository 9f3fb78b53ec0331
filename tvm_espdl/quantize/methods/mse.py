"""The method "mse": the exponent that makes the squared error of the tensor smallest.

Must never guess: there are only a few exponents, and each is tried on the measured distribution.
"""

from __future__ import annotations

import numpy as np

from .counted import Counted, method


@method
def mse(values: Counted, step: float) -> float:
    """Sum of squared errors over the sum of squares: rounding within the range, saturation outside.

    Zeros cost nothing.
    """
    centers = values.centers
    held = np.clip(np.rint(centers / step), values.lowest, values.highest) * step
    error = (centers - held) ** 2
    if step < 2 * values.width:
        # The bins are too coarse to see the rounding; inside the range it is even noise.
        error = np.where(values.fitting(step), step * step / 12, error)
    return float((values.counts * error).sum() / (values.counts * centers**2).sum())
