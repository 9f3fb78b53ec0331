"""elu: values below zero bend towards -alpha."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .base.float_function import FloatFunction, exponential
from .base.rounding import Array


@dataclass(frozen=True)
class Elu(FloatFunction):
    """`f(x) = x` for x >= 0, else `alpha * (exp(x) - 1)`.

    Attributes
    ----------
    alpha : float
        What values far below zero come near to, with the other sign.
    """

    alpha: float = 1.0

    name: ClassVar[str] = "elu"
    function: ClassVar[str] = "elu"

    @property
    def parameters(self) -> tuple[float, float]:
        """Only alpha."""
        return (self.alpha, 0.0)

    def formula(self, real: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_elu.hpp`."""
        below = np.float32(self.alpha) * (exponential(np.minimum(real, 0)) - np.float32(1))
        return np.where(real >= 0, real, below)

    def exact(self, real: Array) -> Array:
        """In double precision."""
        return np.where(real >= 0, real, self.alpha * np.expm1(np.minimum(real, 0)))
