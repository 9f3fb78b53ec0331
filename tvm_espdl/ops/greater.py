"""greater: where one value is above another, element by element with broadcasting."""

from __future__ import annotations

from .base import Array, Comparison, Form


class Greater(Comparison):
    """`y = a > b` on the integers as they are, of type bool."""

    name = "greater"
    form = Form(onnx="Greater", relax="greater", exponents="compare", espdl="Greater")
    c = "a > b"

    def formula(self, a: Array, b: Array) -> Array:
        """In NumPy and in TIR."""
        return a > b
