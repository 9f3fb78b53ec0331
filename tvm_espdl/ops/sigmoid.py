"""sigmoid: the logistic function."""

from __future__ import annotations

import numpy as np

from .base import Array, Builder, Expression, FloatFunction, Form, logistic


class Sigmoid(FloatFunction):
    """`f(x) = 1 / (1 + exp(-x))`."""

    name = "sigmoid"
    form = Form("Sigmoid", "sigmoid", "own", "Sigmoid")
    c = "espdl_logistic(real)"

    def formula(self, real: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_sigmoid.hpp`."""
        return logistic(real)

    def host(self, real: Expression, op: Builder) -> Expression:
        """In TIR."""
        return op.logistic(real)

    def exact(self, real: Array) -> Array:
        """In double precision."""
        return 1.0 / (1.0 + np.exp(-real))
