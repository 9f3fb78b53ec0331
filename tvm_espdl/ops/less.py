"""less: where one value is below another, element by element with broadcasting."""

from __future__ import annotations

from .base import Array, Builder, Comparison, Expression, Form


class Less(Comparison):
    """`y = a < b` on the integers as they are, of type bool."""

    name = "less"
    form = Form(onnx="Less", relax="less", exponents="compare", espdl="Less")
    c = "a < b"

    def formula(self, a: Array, b: Array) -> Array:
        """In NumPy."""
        return a < b

    def host(self, a: Expression, b: Expression, op: Builder) -> Expression:
        """In TIR."""
        return a < b
