"""abs: the magnitude of each value, at one exponent; that of the smallest integer saturates."""

from __future__ import annotations

import numpy as np

from .base import Array, Builder, Expression, Form, Pointwise, SameExponent


class Abs(SameExponent, Pointwise):
    """`y = saturate(|x|)`."""

    name = "abs"
    form = Form(onnx="Abs", relax="abs", exponents="share", espdl=None)
    c = "v < 0 ? -v : v"

    def formula(self, v: Array) -> Array:
        """Our own definition: ESP-DL has no kernel."""
        return np.abs(v)

    def host(self, v: Expression, op: Builder) -> Expression:
        """In TIR."""
        return op.max(v, 0 - v)
