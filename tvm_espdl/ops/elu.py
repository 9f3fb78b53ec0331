"""elu: values below zero bend towards -alpha."""

from __future__ import annotations

import numpy as np

from .base import Array, Builder, Expression, FloatFunction, Form, exponential


class Elu(FloatFunction):
    """`f(x) = x` for x >= 0, else `alpha * (exp(x) - 1)`.

    Attributes
    ----------
    alpha : float
        What values far below zero come near to, with the other sign.
    """

    alpha: float = 1.0

    name = "elu"
    form = Form("Elu", (), "own", "Elu", attributes=("alpha",))
    c = "real >= 0.0f ? real : d->alpha * (espdl_exponential(real) - 1.0f)"

    def formula(self, real: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_elu.hpp`."""
        below = np.float32(self.alpha) * (exponential(np.minimum(real, 0)) - np.float32(1))
        return np.where(real >= 0, real, below)

    def host(self, real: Expression, op: Builder) -> Expression:
        """In TIR."""
        below = op.real(self.alpha) * (op.exp(real) - op.real(1.0))
        return op.select(real >= op.real(0.0), real, below)

    def exact(self, real: Array) -> Array:
        """In double precision."""
        return np.where(real >= 0, real, self.alpha * np.expm1(np.minimum(real, 0)))
