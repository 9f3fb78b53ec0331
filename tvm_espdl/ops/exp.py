"""exp: the exponential function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .base.float_function import FloatFunction, exponential
from .base.rounding import Array


@dataclass(frozen=True)
class Exp(FloatFunction):
    """`f(x) = e**x`; what is too large saturates."""

    name: ClassVar[str] = "exp"
    function: ClassVar[str] = "exp"

    def formula(self, real: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_exp.hpp`."""
        return exponential(real)

    def exact(self, real: Array) -> Array:
        """In double precision."""
        return np.exp(real)
