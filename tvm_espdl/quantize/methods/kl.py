"""The method "kl": the exponent whose integers keep most of the distribution's information.

Must never look at the size of errors, only at how the distribution changes.
"""

from __future__ import annotations

import numpy as np

from .counted import Counted, method


@method
def kl(values: Counted, step: float) -> float:
    """Kullback-Leibler divergence in nats of the quantized from the float distribution.

    Source: Migacz, "8-bit inference with TensorRT", 2017, applied to the power-of-two candidates
    instead of to every number of bins: values beyond the limits count in the outermost bins, and
    each integer spreads its share evenly over the bins that it stands for and that hold values.
    Zeros are left out on both sides.
    """
    counts, centers, inside = values.counts, values.centers, values.fitting(step)
    if not inside.any():
        return np.inf
    levels = np.rint(centers[inside] / step).astype(np.int64) - values.lowest
    _, level_of = np.unique(levels, return_inverse=True)
    mass, bins = np.bincount(level_of, counts[inside]), np.bincount(level_of)
    quantized = (mass / bins)[level_of]
    reference = counts[inside].copy()
    # The values cut off are in the reference, but no integer stands for them.
    reference[0] += counts[~inside & (centers < 0)].sum()
    reference[-1] += counts[~inside & (centers > 0)].sum()
    p, q = reference / reference.sum(), quantized / quantized.sum()
    return float((p * np.log(p / q)).sum())
