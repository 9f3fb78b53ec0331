"""greater: where one value is above another, element by element with broadcasting."""

from __future__ import annotations

from .base import Array, Builder, Comparison, Expression, Form


class Greater(Comparison):
    """`y = a > b` on the integers as they are, of type bool."""

    name = "greater"
    form = Form(onnx="Greater", relax="greater", exponents="compare", espdl="Greater")
    c = "a > b"

    def formula(self, a: Array, b: Array) -> Array:
        """In NumPy."""
        return a > b

    def host(self, a: Expression, b: Expression, op: Builder) -> Expression:
        """In TIR."""
        return a > b
