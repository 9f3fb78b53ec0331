"""tanh: the hyperbolic tangent."""

from __future__ import annotations

import numpy as np

from .base import Array, Builder, Expression, FloatFunction, Form, logistic


class Tanh(FloatFunction):
    """`f(x) = tanh(x)`, on the chip `2 * sigmoid(2 * x) - 1`."""

    name = "tanh"
    form = Form("Tanh", "tanh", "own", "Tanh")
    c = "2.0f * espdl_logistic(2.0f * real) - 1.0f"

    def formula(self, real: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_tanh.hpp`."""
        return np.float32(2) * logistic(np.float32(2) * real) - np.float32(1)

    def host(self, real: Expression, op: Builder) -> Expression:
        """In TIR."""
        return op.real(2.0) * op.logistic(op.real(2.0) * real) - op.real(1.0)

    def exact(self, real: Array) -> Array:
        """In double precision."""
        return np.tanh(real)
