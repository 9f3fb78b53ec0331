"""clip: values are limited to a range given in the input's integers; the exponent may change."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import Builder, Expression, FieldValue, Pointwise, ShiftedScales
from .base.rounding import Array, power_of_two, round_float, saturate


class Clip(ShiftedScales, Pointwise):
    """`y = saturate(round(min(max(x, low), high) * 2**(xe - oe)))`.

    Attributes
    ----------
    low, high : int
        Limits at the exponent of x.
    """

    low: int = 0
    high: int = 0

    name = "clip"
    has_vector_kernel = True
    family = "conversion"
    descriptor = "espdl_limits_t"
    c = """
    const int32_t raised = v < d->low ? d->low : v;
    const int32_t limited = raised > d->high ? d->high : raised;
    return espdl_shift_limited(limited, d->shift, d->half_even);
    """

    @property
    def keeps_exponent(self) -> bool:
        """Whether integers are limited and nothing else, which vectors do."""
        return self.x.exponent == self.y.exponent

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_clip.hpp`."""
        clipped = np.clip(arrays[0].astype(np.int32), self.low, self.high)
        scale = power_of_two(self.x.uniform_exponent - self.y.uniform_exponent)
        scaled = clipped.astype(np.float32) * scale
        return saturate(round_float(scaled, chip), self.y.dtype)

    def host(self, v: Expression, op: Builder) -> Expression:
        """In TIR, in NumPy's order: where the limits cross, the upper one counts."""
        limited = op.min(op.max(v, self.low), self.high)
        return op.shifted(limited, self.y.uniform_exponent - self.x.uniform_exponent)

    def parameters(self, chip: Chip) -> dict[str, FieldValue]:
        """The limits, the change of exponents, and the chip's rounding.

        A float holds the scaled integer exactly, so that shifting it gives the same.
        """
        return {
            "low": self.low,
            "high": self.high,
            "shift": self.y.uniform_exponent - self.x.uniform_exponent,
            "half_even": int(chip.rounding == "half_even"),
        }
