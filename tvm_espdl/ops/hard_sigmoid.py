"""hard_sigmoid: a straight line between two limits, 0 and 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .base.float_function import FloatFunction
from .base.rounding import Array


@dataclass(frozen=True)
class HardSigmoid(FloatFunction):
    """`f(x) = min(max(alpha * x + beta, 0), 1)`.

    Attributes
    ----------
    alpha, beta : float
        Slope, and value at 0.
    """

    alpha: float = 0.2
    beta: float = 0.5

    name: ClassVar[str] = "hard_sigmoid"
    function: ClassVar[str] = "hard_sigmoid"

    @property
    def parameters(self) -> tuple[float, float]:
        """Slope and value at 0."""
        return (self.alpha, self.beta)

    def formula(self, real: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_hard_sigmoid.hpp`; float32, not fused."""
        line = np.float32(self.alpha) * real + np.float32(self.beta)
        return np.clip(line, np.float32(0), np.float32(1))

    def exact(self, real: Array) -> Array:
        """In double precision."""
        return np.clip(self.alpha * real + self.beta, 0.0, 1.0)
