"""quantize: float32 to integers at an exponent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..chips import Chip
from .base.ccall import CCall
from .base.rounding import Array, power_of_two, round_float, saturate
from .base.unary import Elementwise, suffix


@dataclass(frozen=True)
class Quantize(Elementwise):
    """`y = saturate(round(x * 2**-oe))`; NaN gives the largest integer."""

    name = "quantize"

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `TensorBase::assign`, `dl/tensor/src/dl_tensor_base.cpp`."""
        with np.errstate(over="ignore"):
            scaled = arrays[0].astype(np.float32) * power_of_two(-self.y.uniform_exponent)
        return saturate(round_float(scaled, chip), self.y.dtype)

    def call(self, chip: Chip, *constants: Array) -> CCall:
        """`espdl_quantize_s8` or `_s16`."""
        return CCall(
            function=f"espdl_quantize_{suffix(self.y)}",
            descriptor="espdl_rescale_t",
            fields={
                "size": self.y.size,
                "scale": float(power_of_two(-self.y.uniform_exponent)),
                "half_even": int(chip.rounding == "half_even"),
            },
        )
