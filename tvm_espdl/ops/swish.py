"""swish: each value times its sigmoid (SiLU)."""

from __future__ import annotations

import numpy as np

from .base import Array, Builder, Expression, FloatFunction, Form, logistic


class Swish(FloatFunction):
    """`f(x) = x * sigmoid(x)`."""

    name = "swish"
    form = Form("Swish", "nn.silu", "own", "Swish")
    c = "espdl_logistic(real) * real"

    def formula(self, real: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_swish.hpp`."""
        return logistic(real) * real

    def host(self, real: Expression, op: Builder) -> Expression:
        """In TIR."""
        return op.logistic(real) * real

    def exact(self, real: Array) -> Array:
        """In double precision."""
        return real / (1.0 + np.exp(-real))
