"""leaky_relu: values below zero are multiplied with one factor."""

from __future__ import annotations

import numpy as np

from .base import Array, Builder, Expression, FloatFunction, Form


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

    name = "leaky_relu"
    form = Form("LeakyRelu", "nn.leakyrelu", "own", "LeakyRelu", attributes=("alpha",))
    tabulated = False
    c = "real >= 0.0f ? real : real * d->alpha"

    def formula(self, real: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_leaky_relu.hpp`."""
        return np.where(real >= 0, real, real * np.float32(self.alpha))

    def host(self, real: Expression, op: Builder) -> Expression:
        """In TIR."""
        return op.select(real >= op.real(0.0), real, real * op.real(self.alpha))

    def exact(self, real: Array) -> Array:
        """In double precision."""
        return np.where(real >= 0, real, real * self.alpha)
