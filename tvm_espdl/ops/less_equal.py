"""less_equal: where one value is not above another, element by element with broadcasting."""

from __future__ import annotations

from .base import Array, Builder, Comparison, Expression, Form


class LessEqual(Comparison):
    """`y = a <= b` on the integers as they are, of type bool."""

    name = "less_equal"
    form = Form(onnx="LessOrEqual", relax="less_equal", exponents="compare", espdl="LessOrEqual")
    c = "a <= b"

    def formula(self, a: Array, b: Array) -> Array:
        """In NumPy."""
        return a <= b

    def host(self, a: Expression, b: Expression, op: Builder) -> Expression:
        """In TIR."""
        return a <= b
