"""The method "kl": the exponent whose integers keep most of the distribution's information.

Must never look at the size of errors, only at how the distribution changes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..calibration import TensorRange
from ..exponents import Integers, integer_limits


def kl(seen: TensorRange, exponents: Integers, bits: int) -> npt.NDArray[np.float64]:
    """Kullback-Leibler divergence of the quantized from the float distribution.

    Source: Migacz, "8-bit inference with TensorRT", 2017, applied to the power-of-two candidates
    instead of to every number of bins: values beyond the limits count in the outermost bins, and
    each integer spreads its share evenly over the bins that it stands for and that hold values.

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
        The divergence in nats; zeros are left out on both sides.
    """
    histogram = seen.histogram
    if histogram is None or not histogram.counts.any():
        return np.zeros(len(exponents))
    used = np.flatnonzero(histogram.counts)
    counts, centers = histogram.counts[used].astype(np.float64), histogram.centers()[used]
    lowest, highest = integer_limits(bits)
    costs = np.empty(len(exponents))
    for place, exponent in enumerate(exponents):
        step = 2.0 ** int(exponent)
        inside = (centers >= (lowest - 0.5) * step) & (centers <= (highest + 0.5) * step)
        if not inside.any():
            costs[place] = np.inf
            continue
        levels = np.rint(centers[inside] / step).astype(np.int64) - lowest
        _, level_of = np.unique(levels, return_inverse=True)
        mass, bins = np.bincount(level_of, counts[inside]), np.bincount(level_of)
        quantized = (mass / bins)[level_of]
        reference = counts[inside].copy()
        # The values cut off are in the reference, but no integer stands for them.
        reference[0] += counts[~inside & (centers < 0)].sum()
        reference[-1] += counts[~inside & (centers > 0)].sum()
        p, q = reference / reference.sum(), quantized / quantized.sum()
        costs[place] = (p * np.log(p / q)).sum()
    return costs
