"""leaky_relu: values below zero are multiplied with one factor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .base.float_function import FloatFunction
from .base.rounding import Array


@dataclass(frozen=True)
class LeakyRelu(FloatFunction):
    """`f(x) = x` for x >= 0, else `alpha * x`.

    For int8 data this has the same bits as the table that ESP-PPQ makes of it: scaling by a power
    of two before or after the product changes nothing.

    Attributes
    ----------
    alpha : float
        The factor.
    """

    alpha: float = 0.01

    name: ClassVar[str] = "leaky_relu"
    function: ClassVar[str] = "leaky_relu"

    @property
    def parameters(self) -> tuple[float, float]:
        """Only alpha."""
        return (self.alpha, 0.0)

    def formula(self, real: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_leaky_relu.hpp`."""
        return np.where(real >= 0, real, real * np.float32(self.alpha))

    def exact(self, real: Array) -> Array:
        """In double precision."""
        return np.where(real >= 0, real, real * self.alpha)
