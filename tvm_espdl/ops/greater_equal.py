"""greater_equal: where one value is not below another, element by element with broadcasting."""

from __future__ import annotations

from .base import Array, Builder, Comparison, Expression, Form


class GreaterEqual(Comparison):
    """`y = a >= b` on the integers as they are, of type bool."""

    name = "greater_equal"
    form = Form(
        onnx="GreaterOrEqual", relax="greater_equal", exponents="compare", espdl="GreaterOrEqual"
    )
    c = "a >= b"

    def formula(self, a: Array, b: Array) -> Array:
        """In NumPy."""
        return a >= b

    def host(self, a: Expression, b: Expression, op: Builder) -> Expression:
        """In TIR."""
        return a >= b
