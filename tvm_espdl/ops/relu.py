"""relu: negative values become zero; the exponent may change."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import Builder, Expression, FieldValue, Form, Pointwise, ShiftedScales
from .base.rounding import Array, power_of_two, round_float, saturate


class Relu(ShiftedScales, Pointwise):
    """`y = max(x, 0)` at equal exponents, else `saturate(round(x * 2**(xe - oe)))` for x >= 0."""

    name = "relu"
    descriptor = "espdl_requantize_t"
    form = Form(onnx="Relu", relax="nn.relu", exponents="clip", espdl="Relu")
    c = "espdl_shift_limited(v > 0 ? v : 0, d->shift, d->half_even)"

    def makes_scales(self, chip: Chip) -> bool:
        """Where the exponents differ."""
        return self.x.exponent != self.y.exponent

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_relu.hpp`."""
        positive = np.maximum(arrays[0], 0)
        if self.x.exponent == self.y.exponent:
            return positive
        real = positive.astype(np.float32) * power_of_two(self.x.uniform_exponent)
        scaled = real * power_of_two(-self.y.uniform_exponent)
        return saturate(round_float(scaled, chip), self.y.dtype)

    def host(self, v: Expression, op: Builder) -> Expression:
        """In TIR."""
        positive = op.max(v, 0)
        if self.x.exponent == self.y.exponent:
            return positive
        return op.shifted(positive, self.y.uniform_exponent - self.x.uniform_exponent)

    def parameters(self, chip: Chip) -> dict[str, FieldValue]:
        """The change of exponents, and the chip's rounding.

        A float holds the scaled integer exactly, so that shifting it gives the same.
        """
        return {
            "shift": self.y.uniform_exponent - self.x.uniform_exponent,
            "half_even": int(chip.rounding == "half_even"),
        }
