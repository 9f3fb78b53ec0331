"""softmax: integers in, float32 probabilities out, along one axis."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from ..chips import Chip
from .base.ccall import CCall
from .base.operator import Operator
from .base.rounding import Array, power_of_two
from .base.unary import Unary, suffix


@dataclass(frozen=True)
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

    @property
    def table(self) -> Array:
        """`exp(q * 2**xe)` for q = -128..127, float32, correctly rounded; infinite on overflow."""
        exponents = np.arange(-128, 128) * float(power_of_two(self.x.uniform_exponent))
        with np.errstate(over="ignore"):
            return np.exp(exponents).astype(np.float32)

    @property
    def extents(self) -> tuple[int, int, int]:
        """Elements before, along and after the axis."""
        shape, axis = self.x.shape, self.axis
        outer = int(np.prod(shape[:axis], dtype=np.int64))
        inner = int(np.prod(shape[axis + 1 :], dtype=np.int64))
        return outer, shape[axis], inner

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

    def call(self, chip: Chip, *constants: Array) -> CCall:
        """`espdl_softmax_s8` or `_s16`."""
        outer, extent, inner = self.extents
        return CCall(
            function=f"espdl_{self.name}_{suffix(self.x)}",
            descriptor="espdl_softmax_t",
            fields={
                "outer": outer,
                "extent": extent,
                "inner": inner,
                "scale": float(power_of_two(self.x.uniform_exponent)),
            },
            arrays={"table": self.table} if self.x.dtype == "int8" else {},
        )

    def permuted(self, axes: tuple[int, ...]) -> Operator:
        """The same on transposed tensors, along the axis' new place."""
        x, y = self.x.permuted(axes), self.y.permuted(axes)
        return dataclasses.replace(self, x=x, y=y, axis=axes.index(self.axis))
