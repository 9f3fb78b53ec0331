"""hard_sigmoid: a straight line between two limits, 0 and 1."""

from __future__ import annotations

import numpy as np

from .base import Array, Builder, Expression, FloatFunction, Form


class HardSigmoid(FloatFunction):
    """`f(x) = min(max(alpha * x + beta, 0), 1)`.

    Attributes
    ----------
    alpha, beta : float
        Slope, and value at 0.
    """

    alpha: float = 0.2
    beta: float = 0.5

    name = "hard_sigmoid"
    form = Form("HardSigmoid", (), "own", "HardSigmoid", attributes=("alpha", "beta"))
    c = """
    const float line = d->alpha * real + d->beta;
    return line > 1.0f ? 1.0f : line > 0.0f ? line : 0.0f;
    """

    def formula(self, real: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_hard_sigmoid.hpp`; float32, not fused."""
        line = np.float32(self.alpha) * real + np.float32(self.beta)
        return np.clip(line, np.float32(0), np.float32(1))

    def host(self, real: Expression, op: Builder) -> Expression:
        """In TIR."""
        product = op.separate(op.real(self.alpha) * real)
        return op.limit(product + op.real(self.beta), 0.0, 1.0)

    def exact(self, real: Array) -> Array:
        """In double precision."""
        return np.clip(self.alpha * real + self.beta, 0.0, 1.0)
