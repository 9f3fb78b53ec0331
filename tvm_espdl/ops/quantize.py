"""quantize: float32 to integers at an exponent."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import (
    Array,
    Elementwise,
    FieldValue,
    ShiftedScales,
    power_of_two,
    round_float,
    saturate,
)


class Quantize(ShiftedScales, Elementwise):
    """`y = saturate(round(x * 2**-oe))`; NaN gives the largest integer."""

    name = "quantize"
    family = "conversion"
    descriptor = "espdl_rescale_t"

    @property
    def suffix(self) -> str:
        """The type of the result."""
        return self.y.suffix

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `TensorBase::assign`, `dl/tensor/src/dl_tensor_base.cpp`."""
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = arrays[0].astype(np.float32) * power_of_two(-self.y.uniform_exponent)
        return saturate(round_float(scaled, chip), self.y.dtype)

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """Size, scale, and the chip's rounding."""
        scale = float(power_of_two(-self.y.uniform_exponent))
        rounding = int(chip.rounding == "half_even")
        return {"size": self.y.size, "scale": scale, "half_even": rounding}
