"""sqrt: the square root."""

from __future__ import annotations

import numpy as np

from .base import Array, Builder, Expression, FloatFunction, Form


class Sqrt(FloatFunction):
    """`f(x) = x ** 0.5`; a negative value (NaN) gives the largest integer."""

    name = "sqrt"
    form = Form("Sqrt", "sqrt", "own", "Sqrt")
    c = "real < 0.0f ? NAN : sqrtf(real)"

    def formula(self, real: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_sqrt.hpp`."""
        return np.sqrt(real.astype(np.float32))

    def host(self, real: Expression, op: Builder) -> Expression:
        """In TIR."""
        return op.sqrt(real)

    def exact(self, real: Array) -> Array:
        """In double precision."""
        return np.sqrt(real)
