"""reduce_l2: the Euclidean norm along some axes, its root taken by Newton's method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..chips import Chip
from .base.ccall import FieldValue
from .base.operator import rule
from .base.reduction import Reduction
from .base.rounding import Array, round_float, saturate

# Two steps of the root that are this close end it; larger roots than the bound need never be.
CLOSE = np.float32(0.00001)
LARGEST_ROOT = 128.0
MOST_STEPS = 64


@dataclass(frozen=True)
class ReduceL2(Reduction):
    """`y = saturate(round(root(float32(sum(x * x)) * 2**(2 * xe)) * 2**-oe))`, in float32."""

    name: ClassVar[str] = "reduce_l2"
    term_bits: ClassVar[int] = 14

    @property
    def macs(self) -> int:
        """One for each element."""
        return self.x.size

    @property
    def square_scale(self) -> np.float32:
        """Value of 1 in the sum of squares."""
        return np.float32(self.input_scale * self.input_scale)

    def combined(self, lines: Array, chip: Chip) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_reduce_l2.hpp`."""
        squares = (lines.astype(np.int64) ** 2).sum(axis=0)
        real = root(squares.astype(np.float32) * self.square_scale)
        return saturate(round_float(real * self.output_scale, chip), self.y.dtype)

    def parameters(self) -> dict[str, FieldValue]:
        """Both scales, the first one that of squares."""
        return {
            "input_scale": float(self.square_scale),
            "output_scale": float(self.output_scale),
        }

    @rule(allowed="norms below 128", fix="use fewer elements or a smaller input exponent")
    def root_is_found(self, chip: Chip) -> str | None:
        """The largest norm that the input's range allows is below 128.

        Beyond, ESP-DL v3.3.9 may search the root forever: its steps never get close enough.
        """
        largest = -int(np.iinfo(self.x.dtype).min) * float(self.input_scale) * self.count**0.5
        return None if largest < LARGEST_ROOT else f"norms up to {largest:g}"

    @rule(allowed="input exponents from -30 on", fix="quantize the input more coarsely")
    def scale_is_normal(self, chip: Chip) -> str | None:
        """The exponent of squares is -60 or more, so that float32 holds them exactly."""
        exponent = self.x.uniform_exponent
        return None if exponent >= -30 else f"exponent {exponent}"


def root(values: Array) -> Array:
    """Square roots of float32 as ESP-DL finds them (`dl/math/include/dl_math.hpp`).

    From the number itself, the mean of the last value and the quotient, until two are close.
    """
    result = values.copy()
    searched = values != 0
    for _ in range(MOST_STEPS):
        last = result[searched]
        if not last.size:
            break
        result[searched] = (last + values[searched] / last) * np.float32(0.5)
        searched[searched] = np.abs(result[searched] - last) > CLOSE
    return result
