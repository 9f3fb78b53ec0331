"""log: the natural logarithm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .base.float_function import FloatFunction
from .base.rounding import Array


@dataclass(frozen=True)
class Log(FloatFunction):
    """`f(x) = ln(x)`; zero gives the smallest integer, a negative value (NaN) the largest."""

    name: ClassVar[str] = "log"
    function: ClassVar[str] = "log"

    def formula(self, real: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_log.hpp`."""
        return np.log(real.astype(np.float64)).astype(np.float32)

    def exact(self, real: Array) -> Array:
        """In double precision."""
        return np.log(real)
