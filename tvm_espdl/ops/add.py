"""add: element-wise sum with broadcasting, at one exponent, with fused ReLU."""

from __future__ import annotations

from .base import Array, Builder, Expression, Form, WithRelu


class Add(WithRelu):
    """`y = activation(saturate(a + b))`."""

    name = "add"
    has_vector_kernel = True
    form = Form(onnx="Add", relax="add", exponents="align", espdl="Add", takes_relu=True)
    c = "a + b"

    def formula(self, a: Array, b: Array) -> Array:
        """Source: ESP-DL `dl/base/dl_base_add.cpp`; exponents are not read."""
        return a + b

    def host(self, a: Expression, b: Expression, op: Builder) -> Expression:
        """In TIR."""
        return a + b
