"""reduce_log_sum: the natural logarithm of the sum along some axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..chips import Chip
from .base.ccall import FieldValue
from .base.reduction import Reduction
from .base.rounding import Array, round_float, saturate


@dataclass(frozen=True)
class ReduceLogSum(Reduction):
    """`y = saturate(round(log(float32(sum) * 2**xe) * 2**-oe))`, in float32.

    The logarithm of 0 gives the smallest integer, that of a negative sum the largest.
    """

    name: ClassVar[str] = "reduce_log_sum"
    term_bits: ClassVar[int] = 7

    def combined(self, lines: Array, chip: Chip) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_reduce_log_sum.hpp`.

        The logarithm is rounded from double precision; the chip's own may differ in the last bit.
        """
        real = lines.sum(axis=0, dtype=np.int64).astype(np.float32) * self.input_scale
        return logarithm(real, self.output_scale, self.y.dtype, chip)

    def parameters(self) -> dict[str, FieldValue]:
        """Both scales."""
        return {
            "input_scale": float(self.input_scale),
            "output_scale": float(self.output_scale),
        }


def logarithm(real: Array, output_scale: np.float32, dtype: str, chip: Chip) -> Array:
    """`saturate(round(log(real) * output_scale))` of float32 numbers."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithms = np.log(real.astype(np.float64)).astype(np.float32)
        return saturate(round_float(logarithms * output_scale, chip), dtype)
