"""equal: where two values are the same, element by element with broadcasting."""

from __future__ import annotations

from .base import Array, Builder, Comparison, Expression, Form


class Equal(Comparison):
    """`y = a == b` on the integers as they are, of type bool."""

    name = "equal"
    form = Form(onnx="Equal", relax="equal", exponents="compare", espdl="Equal")
    c = "a == b"

    def formula(self, a: Array, b: Array) -> Array:
        """In NumPy."""
        return a == b

    def host(self, a: Expression, b: Expression, op: Builder) -> Expression:
        """In TIR."""
        return a == b
