"""dequantize: integers at an exponent to float32."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import Array, Elementwise, FieldValue, ShiftedScales, power_of_two


class Dequantize(ShiftedScales, Elementwise):
    """`y = float32(x) * 2**xe`."""

    name = "dequantize"
    family = "conversion"
    descriptor = "espdl_rescale_t"

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `TensorBase::assign`, `dl/tensor/src/dl_tensor_base.cpp`."""
        return arrays[0].astype(np.float32) * power_of_two(self.x.uniform_exponent)

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """Size and scale; nothing is rounded."""
        scale = float(power_of_two(self.x.uniform_exponent))
        return {"size": self.y.size, "scale": scale, "half_even": 0}
