"""hard_swish: each value times a straight line between two limits, 0 and 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .base.float_function import FloatFunction
from .base.rounding import Array

SIXTH = 0.166667  # the constant of the chip, in double precision


@dataclass(frozen=True)
class HardSwish(FloatFunction):
    """`f(x) = x * min(max(x + 3, 0), 6) / 6`."""

    name: ClassVar[str] = "hard_swish"
    function: ClassVar[str] = "hard_swish"

    def formula(self, real: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_hard_swish.hpp`, in double precision."""
        wide = real.astype(np.float64)
        return (np.clip(SIXTH * wide + 0.5, 0.0, 1.0) * wide).astype(np.float32)

    def exact(self, real: Array) -> Array:
        """In double precision."""
        return real * np.clip(real + 3.0, 0.0, 6.0) / 6.0
