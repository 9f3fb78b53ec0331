"""swish: each value times its sigmoid (SiLU)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .base.float_function import FloatFunction, logistic
from .base.rounding import Array


@dataclass(frozen=True)
class Swish(FloatFunction):
    """`f(x) = x * sigmoid(x)`."""

    name: ClassVar[str] = "swish"
    function: ClassVar[str] = "swish"

    def formula(self, real: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_swish.hpp`."""
        return logistic(real) * real

    def exact(self, real: Array) -> Array:
        """In double precision."""
        return real / (1.0 + np.exp(-real))
