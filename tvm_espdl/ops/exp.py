"""exp: the exponential function."""

from __future__ import annotations

import numpy as np

from .base import Array, Builder, Expression, FloatFunction, Form


class Exp(FloatFunction):
    """`f(x) = e**x`; what is too large saturates."""

    name = "exp"
    form = Form("Exp", "exp", "own", "Exp")
    c = "espdl_exponential(real)"

    def host(self, real: Expression, op: Builder) -> Expression:
        """In TIR."""
        return op.exp(real)

    def exact(self, real: Array) -> Array:
        """In double precision. Source: ESP-DL `dl/module/include/dl_module_exp.hpp`."""
        return np.exp(real)
