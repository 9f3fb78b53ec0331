"""tanh: the hyperbolic tangent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .base.float_function import FloatFunction, logistic
from .base.rounding import Array


@dataclass(frozen=True)
class Tanh(FloatFunction):
    """`f(x) = tanh(x)`, on the chip `2 * sigmoid(2 * x) - 1`."""

    name: ClassVar[str] = "tanh"
    function: ClassVar[str] = "tanh"

    def formula(self, real: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_tanh.hpp`."""
        return np.float32(2) * logistic(np.float32(2) * real) - np.float32(1)

    def exact(self, real: Array) -> Array:
        """In double precision."""
        return np.tanh(real)
