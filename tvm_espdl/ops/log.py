"""log: the natural logarithm."""

from __future__ import annotations

import numpy as np

from .base import Array, Builder, Expression, FloatFunction, Form


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

    def host(self, real: Expression, op: Builder) -> Expression:
        """In TIR."""
        return op.log(real)

    def exact(self, real: Array) -> Array:
        """In double precision. Source: ESP-DL `dl/module/include/dl_module_log.hpp`."""
        return np.log(real)
