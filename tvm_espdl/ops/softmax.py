"""softmax: integers in, float32 probabilities out, along one axis."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import Array, FieldValue, Operator, Unary, power_of_two, split_at


class Softmax(Unary):
    """`y = e / sum(e)` with `e = exp(x * 2**xe)` for int8, the maximum subtracted for int16.

    The exponentials of int8 come from a table of 256 float32 values, so that every engine sums
    the same numbers; those of int16 are rounded from double precision.

    Attributes
    ----------
    axis : int
        Not negative.
    """

    axis: int = 0

    name = "softmax"
    family = "normalization"
    descriptor = "espdl_softmax_t"

    @property
    def table(self) -> Array:
        """`exp(q * 2**xe)` for q = -128..127, float32, correctly rounded; infinite on overflow."""
        exponents = np.arange(-128, 128) * float(power_of_two(self.x.uniform_exponent))
        with np.errstate(over="ignore"):
            return np.exp(exponents).astype(np.float32)

    @property
    def extents(self) -> tuple[int, int, int]:
        """Elements before, along and behind the axis."""
        return split_at(self.x.shape, self.axis)

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_softmax.hpp`: summed in index order."""
        x = np.moveaxis(arrays[0], self.axis, 0)
        if self.x.dtype == "int8":
            exponentials = self.table[x.astype(np.int32) + 128]
        else:
            above = (x.astype(np.int32) - x.max(axis=0)).astype(np.float32)
            real = above * power_of_two(self.x.uniform_exponent)
            exponentials = np.exp(real.astype(np.float64)).astype(np.float32)
        total = np.zeros(x.shape[1:], np.float32)
        with np.errstate(all="ignore"):
            for one in exponentials:
                total += one
            quotient = exponentials / total
        return np.ascontiguousarray(np.moveaxis(quotient, 0, self.axis))

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """The blocks of x, and its scale."""
        names = ("outer", "extent", "inner", "scale")
        scale = float(power_of_two(self.x.uniform_exponent))
        return dict(zip(names, (*self.extents, scale), strict=True))

    def arrays(self, *constants: Array) -> dict[str, Array]:
        """The table, for int8."""
        return {"table": self.table} if self.x.dtype == "int8" else {}

    def permuted(self, axes: tuple[int, ...]) -> Operator:
        """The same on transposed tensors, along the axis' new place."""
        return self.transposed(axes, axis=axes.index(self.axis))
