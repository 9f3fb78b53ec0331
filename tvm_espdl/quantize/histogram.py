"""A histogram of a tensor's values that grows with them: one pass, fixed memory, any range.

Must never depend on the order of its bins' growth: its range is a power of two, and doubling it
merges bins two by two without moving a value to a wrong bin.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

#: Bins of the positive values, and as many of the negative ones.
BINS = 4096

#: The range starts at 2^LOWEST_RANGE; smaller values all lie in the middle bins.
LOWEST_RANGE = -24

#: Values that are counted at a time: what lies between the steps stays in the cache.
BLOCK = 1 << 16

Floats = npt.NDArray[np.floating[Any]]


def extremes_of(values: Floats) -> tuple[float, float]:
    """The smallest and the largest of `values`; adding 0.0 makes a negative zero a plain one."""
    return float(values.min()) + 0.0, float(values.max()) + 0.0


class Histogram:
    """Counts of a tensor's values in bins of equal width over [-2^k, 2^k).

    Attributes
    ----------
    range_exponent : int
        k; it grows as larger values come.
    counts : int64 array (2 * BINS,)
        Values other than zero, from the most negative bin up.
    zeros : int
        Values that are exactly zero: Relu makes many, and they cost no rounding error.
    low, high : float
        Smallest and largest value so far; 0 before the first.
    """

    def __init__(self) -> None:
        self.range_exponent = LOWEST_RANGE
        self.counts = np.zeros(2 * BINS, dtype=np.int64)
        self.zeros = 0
        self.low = self.high = 0.0
        self._empty = True

    @property
    def width(self) -> float:
        """The width of a bin."""
        return math.ldexp(1.0, self.range_exponent) / BINS

    @property
    def total(self) -> int:
        """How many values were counted."""
        return self.zeros + int(self.counts.sum())

    def centers(self) -> npt.NDArray[np.float64]:
        """The middle of each bin."""
        return np.asarray((np.arange(-BINS, BINS) + 0.5) * self.width, dtype=np.float64)

    def extend(self, low: float, high: float) -> None:
        """Take in the extremes of values, which are not counted so."""
        self.low = low if self._empty else min(self.low, low)
        self.high = high if self._empty else max(self.high, high)
        self._empty = False

    def add(self, values: Floats, extremes: tuple[float, float] | None = None) -> None:
        """Count `values`, finite and of any shape; `extremes` where they are known already."""
        if values.size == 0:
            return
        low, high = extremes or extremes_of(values)
        self.extend(low, high)
        self._grow(max(abs(low), abs(high)))
        flat, inverse = values.reshape(-1), np.float32(1 / self.width)
        bins = np.empty(min(flat.size, BLOCK), dtype=np.intp)
        for start in range(0, flat.size, BLOCK):
            block = flat[start : start + BLOCK]
            found = bins[: block.size]
            np.add(np.floor(block * inverse), BINS, out=found, casting="unsafe")
            self.counts += np.bincount(found, minlength=2 * BINS)
            zeros = int(block.size - np.count_nonzero(block))
            self.counts[BINS] -= zeros  # zero falls in the first bin of the positive values
            self.zeros += zeros

    def _grow(self, largest: float) -> None:
        # frexp: largest = m * 2^e with m in [0.5, 1), so that 2^e lies above it.
        needed = math.frexp(largest)[1]
        if not self.counts.any():
            self.range_exponent = max(self.range_exponent, needed)
        while self.range_exponent < needed:
            half = BINS // 2
            merged = self.counts.reshape(-1, 2).sum(axis=1)
            self.counts = np.zeros_like(self.counts)
            self.counts[BINS - half : BINS + half] = merged
            self.range_exponent += 1
