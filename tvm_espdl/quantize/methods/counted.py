"""What every method works with: the values that were counted, and what an exponent does to them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..calibration import TensorRange
from ..exponents import Integers, integer_limits

Floats = npt.NDArray[np.float64]

#: (what calibration saw, exponents (E,), bits) -> cost of each exponent (E,), lower is better; 0
#: for tensors without a value other than zero.
Method = Callable[[TensorRange, Integers, int], Floats]


@dataclass(frozen=True, eq=False)
class Counted:
    """The values of a tensor other than zero, by bins of equal width that hold any."""

    counts: Floats  #: How many values each bin holds, (B,).
    centers: Floats  #: The middle of each bin, (B,).
    width: float  #: Of a bin.
    total: int  #: How many values there are, zeros among them.
    lowest: int  #: The limits of the integers.
    highest: int

    def fitting(self, step: float) -> npt.NDArray[np.bool_]:
        """Whether integers at scale `step` hold the values of each bin, (B,)."""
        low, high = (self.lowest - 0.5) * step, (self.highest + 0.5) * step
        return (self.centers >= low) & (self.centers <= high)


def method(cost: Callable[[Counted, float], float]) -> Method:
    """The method that a cost of one scale 2^e makes."""

    @functools.wraps(cost)
    def costs(seen: TensorRange, exponents: Integers, bits: int) -> Floats:
        histogram = seen.histogram
        if histogram is None or not histogram.counts.any():
            return np.zeros(len(exponents))
        used = np.flatnonzero(histogram.counts)
        counts, centers = histogram.counts[used].astype(np.float64), seen.centers()[used]
        size = histogram.width, histogram.total
        values = Counted(counts, centers, *size, *integer_limits(bits))
        return np.array([cost(values, 2.0 ** int(exponent)) for exponent in exponents])

    return costs
