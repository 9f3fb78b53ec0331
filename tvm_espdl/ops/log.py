"""log: the natural logarithm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .base.builder import Builder, Expression
from .base.form import Form
from .base.function import FloatFunction
from .base.rounding import Array


@dataclass(frozen=True)
class Log(FloatFunction):
    """`f(x) = ln(x)`; zero gives the smallest integer, a negative value (NaN) the largest."""

    name = "log"
    form = Form("Log", "log", "own", "Log")
    c = """
    if (real > 0.0f) {
      return (float)log((double)real);
    }
    return real < 0.0f ? NAN : -INFINITY;
    """

    def formula(self, real: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_log.hpp`."""
        return np.log(real.astype(np.float64)).astype(np.float32)

    def host(self, real: Expression, op: Builder) -> Expression:
        """In TIR."""
        return op.log(real)

    def exact(self, real: Array) -> Array:
        """In double precision."""
        return np.log(real)
