"""sqrt: the square root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .base.float_function import FloatFunction
from .base.rounding import Array


@dataclass(frozen=True)
class Sqrt(FloatFunction):
    """`f(x) = x ** 0.5`; a negative value (NaN) gives the largest integer."""

    name: ClassVar[str] = "sqrt"
    function: ClassVar[str] = "sqrt"

    def formula(self, real: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_sqrt.hpp`."""
        return np.sqrt(real.astype(np.float32))

    def exact(self, real: Array) -> Array:
        """In double precision."""
        return np.sqrt(real)
