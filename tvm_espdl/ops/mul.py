"""mul: element-wise product with broadcasting; any exponents."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import Broadcast, Builder, Expression, FieldValue, Form, ShiftedScales, rule
from .base.rounding import Array, power_of_two, round_float, saturate, shift_and_round

LARGEST_VECTOR_SHIFT = 31


class Mul(ShiftedScales, Broadcast):
    """`y = saturate(round(a * b >> (oe - ae - be)))`.

    Vectors shift the exact product. Plain C++ goes through float32, which keeps 24 bits of an
    int16 product; chips with vectors use it where the innermost run is shorter than a vector.
    """

    name = "mul"
    has_vector_kernel = True
    form = Form(onnx="Mul", relax="multiply", exponents="product", espdl="Mul")
    c = """
    const int32_t product = a * b;
    const int small = product > -(1 << 23) && product < 1 << 23;  /* a float rounds it alike */
    return d->exact || small ? espdl_shift_and_round(product, d->shift, d->half_even)
                             : espdl_round((float)product * d->scale, d->half_even);
    """

    @property
    def shift(self) -> int:
        """Right shift from the product to the output."""
        exponents = self.a.uniform_exponent + self.b.uniform_exponent
        return self.y.uniform_exponent - exponents

    def in_vectors(self, chip: Chip) -> bool:
        """Whether the chip's vector kernels compute it."""
        return chip.vector_bytes > 0 and self.innermost[0] >= chip.lanes(self.y.dtype)

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/base/dl_base_mul.cpp` and `dl/base/isa/*/dl_*_mul.S`."""
        product = arrays[0].astype(np.int64) * arrays[1].astype(np.int64)
        if self.in_vectors(chip):
            return saturate(shift_and_round(product, self.shift, chip), self.y.dtype)
        scaled = product.astype(np.float32) * power_of_two(-self.shift)
        return saturate(round_float(scaled, chip), self.y.dtype)

    def host(self, a: Expression, b: Expression, op: Builder) -> Expression:
        """In TIR."""
        if self.in_vectors(op.chip):
            return op.shifted(a * b, self.shift)
        scale = op.real(float(power_of_two(-self.shift)))
        return op.rounded(op.cast(a * b, "float32") * scale)

    def parameters(self, chip: Chip) -> dict[str, FieldValue]:
        """Which of both ways, and the shift for either."""
        return {
            "exact": int(self.in_vectors(chip)),
            "shift": self.shift,
            "scale": float(power_of_two(-self.shift)),
            "half_even": int(chip.rounding == "half_even"),
        }

    @rule(
        allowed=f"0 to {LARGEST_VECTOR_SHIFT}",
        fix="quantize the output more coarsely",
        otherwise="portable",
    )
    def vector_shift_fits(self, chip: Chip) -> str | None:
        """On chips with vectors, the product is shifted right, by 0 to 31 bits.

        The length of the innermost run, which decides between vectors and plain C++, depends on
        the layout and is not waited for.
        """
        if not chip.vector_bytes or 0 <= self.shift <= LARGEST_VECTOR_SHIFT:
            return None
        return f"a right shift by {self.shift}"
