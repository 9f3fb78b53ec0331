"""clip: values are limited to a range given in the input's integers; the exponent may change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..chips import Chip
from .base.ccall import CCall
from .base.rounding import Array, power_of_two, round_float, saturate
from .base.unary import Elementwise, OneType, suffix


@dataclass(frozen=True)
class Clip(OneType, Elementwise):
    """`y = saturate(round(min(max(x, low), high) * 2**(xe - oe)))`.

    Attributes
    ----------
    low, high : int
        Limits at the exponent of x.
    """

    low: int = 0
    high: int = 0

    name: ClassVar[str] = "clip"

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_clip.hpp`."""
        clipped = np.clip(arrays[0].astype(np.int32), self.low, self.high)
        scale = power_of_two(self.x.uniform_exponent - self.y.uniform_exponent)
        scaled = clipped.astype(np.float32) * scale
        return saturate(round_float(scaled, chip), self.y.dtype)

    def call(self, chip: Chip, *constants: Array) -> CCall:
        """`espdl_clip_s8` or `_s16`."""
        scale = power_of_two(self.x.uniform_exponent - self.y.uniform_exponent)
        return CCall(
            function=f"espdl_clip_{suffix(self.x)}",
            descriptor="espdl_clip_t",
            fields={
                "size": self.y.size,
                "low": self.low,
                "high": self.high,
                "scale": float(scale),
                "half_even": int(chip.rounding == "half_even"),
            },
        )
