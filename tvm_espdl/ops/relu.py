"""relu: negative values become zero; the exponent may change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..chips import Chip
from .base.ccall import CCall
from .base.rounding import Array, power_of_two, round_float, saturate
from .base.unary import Elementwise, OneType, suffix


@dataclass(frozen=True)
class Relu(OneType, Elementwise):
    """`y = max(x, 0)` at equal exponents, else `saturate(round(x * 2**(xe - oe)))` for x >= 0."""

    name: ClassVar[str] = "relu"

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_relu.hpp`."""
        positive = np.maximum(arrays[0], 0)
        if self.x.exponent == self.y.exponent:
            return positive
        real = positive.astype(np.float32) * power_of_two(self.x.uniform_exponent)
        scaled = real * power_of_two(-self.y.uniform_exponent)
        return saturate(round_float(scaled, chip), self.y.dtype)

    def call(self, chip: Chip, *constants: Array) -> CCall:
        """`espdl_relu_s8` or `_s16`."""
        scale = power_of_two(self.x.uniform_exponent - self.y.uniform_exponent)
        return CCall(
            function=f"espdl_relu_{suffix(self.x)}",
            descriptor="espdl_rescale_t",
            fields={
                "size": self.y.size,
                "scale": float(scale),
                "half_even": int(chip.rounding == "half_even"),
            },
        )
