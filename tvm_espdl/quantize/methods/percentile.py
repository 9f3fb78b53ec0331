"""The method "percentile": the finest exponent at which only 1 of 10,000 values saturates.

Must never weigh how far a value lies outside.
"""

from __future__ import annotations

import numpy as np

from .counted import Counted, method

#: The share of values that may saturate, zeros counted among the values.
OUTSIDE = 1e-4


@method
def percentile(values: Counted, step: float) -> float:
    """The cost of a scale is its own size, infinite where more than `OUTSIDE` saturates."""
    outside = values.counts[~values.fitting(step)].sum()
    return np.inf if outside / values.total > OUTSIDE else step
