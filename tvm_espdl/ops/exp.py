"""exp: the exponential function."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .base.builder import Builder, Expression
from .base.form import Form
from .base.function import FloatFunction, exponential
from .base.rounding import Array


@dataclass(frozen=True)
class Exp(FloatFunction):
    """`f(x) = e**x`; what is too large saturates."""

    name = "exp"
    form = Form("Exp", "exp", "own", "Exp")
    c = "espdl_exponential(real)"

    def formula(self, real: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_exp.hpp`."""
        return exponential(real)

    def host(self, real: Expression, op: Builder) -> Expression:
        """In TIR."""
        return op.exp(real)

    def exact(self, real: Array) -> Array:
        """In double precision."""
        return np.exp(real)
