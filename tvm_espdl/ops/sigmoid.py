"""sigmoid: the logistic function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .base.float_function import FloatFunction, logistic
from .base.rounding import Array


@dataclass(frozen=True)
class Sigmoid(FloatFunction):
    """`f(x) = 1 / (1 + exp(-x))`."""

    name: ClassVar[str] = "sigmoid"
    function: ClassVar[str] = "sigmoid"

    def formula(self, real: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_sigmoid.hpp`."""
        return logistic(real)

    def exact(self, real: Array) -> Array:
        """In double precision."""
        return 1.0 / (1.0 + np.exp(-real))
