"""dequantize: integers at an exponent to float32."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..chips import Chip
from .base.ccall import CCall
from .base.rounding import Array, power_of_two
from .base.unary import Elementwise, suffix


@dataclass(frozen=True)
class Dequantize(Elementwise):
    """`y = float32(x) * 2**xe`."""

    name = "dequantize"

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `TensorBase::assign`, `dl/tensor/src/dl_tensor_base.cpp`."""
        return arrays[0].astype(np.float32) * power_of_two(self.x.uniform_exponent)

    def call(self, chip: Chip, *constants: Array) -> CCall:
        """`espdl_dequantize_s8` or `_s16`."""
        return CCall(
            function=f"espdl_dequantize_{suffix(self.x)}",
            descriptor="espdl_rescale_t",
            fields={
                "size": self.y.size,
                "scale": float(power_of_two(self.x.uniform_exponent)),
                "half_even": 0,
            },
        )
