"""reduce_mean: the mean along some axes; it may differ by one from a global average pool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..chips import Chip
from .base.ccall import FieldValue
from .base.reduction import Reduction
from .base.rounding import Array, round_float, saturate


@dataclass(frozen=True)
class ReduceMean(Reduction):
    """`y = saturate(round(float32(sum) * 2**xe / count * 2**-oe))`, each step in float32."""

    name: ClassVar[str] = "reduce_mean"
    term_bits: ClassVar[int] = 7

    def combined(self, lines: Array, chip: Chip) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_reduce_mean.hpp`."""
        real = lines.sum(axis=0, dtype=np.int64).astype(np.float32) * self.input_scale
        mean = real / np.float32(self.count)
        return saturate(round_float(mean * self.output_scale, chip), self.y.dtype)

    def parameters(self) -> dict[str, FieldValue]:
        """Both scales."""
        return {
            "input_scale": float(self.input_scale),
            "output_scale": float(self.output_scale),
        }
