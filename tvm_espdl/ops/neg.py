"""neg: each value with the other sign, at one exponent; the smallest integer saturates."""

from __future__ import annotations

from .base import Array, Builder, Expression, Form, Pointwise, SameExponent


class Neg(SameExponent, Pointwise):
    """`y = saturate(-x)`."""

    name = "neg"
    form = Form(onnx="Neg", relax="negative", exponents="share", espdl="Neg")
    c = "-v"

    def formula(self, v: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_neg.hpp`."""
        return -v

    def host(self, v: Expression, op: Builder) -> Expression:
        """In TIR."""
        return 0 - v
