"""softmax: integers in, float32 probabilities out, along one axis."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import Array, FieldValue, Operator, ShiftedScales, Unary, power_of_two, rule, split_at

#: Of int8: 127 and -128 times 2^-1 have exponentials of 4e27 and 2e-28, of which any number add up
#: to a float32. At 2^0 that of 127 is infinite, and those of numbers below -104 are 0.
LARGEST_EXPONENT = -1


class Softmax(ShiftedScales, Unary):
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

    @rule(
        allowed="int16, or int8 at exponents up to -1",
        fix="quantize its input to int16",
        otherwise="followed",
    )
    def probabilities_are_finite(self, chip: Chip) -> str | None:
        """The exponentials of all int8 numbers at the input's exponent fit a float32.

        ESP-DL subtracts the maximum for int16 only: larger exponentials are infinite, and where all
        are 0 their quotient is not a number.
        """
        exponent = self.x.uniform_exponent
        if self.x.dtype == "int16" or exponent <= LARGEST_EXPONENT:
            return None
        scale = float(power_of_two(exponent))
        return f"int8 at exponent {exponent}, numbers from {-128 * scale:g} to {127 * scale:g}"

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
