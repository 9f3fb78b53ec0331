"""sub: element-wise difference with broadcasting, at one exponent, with fused ReLU."""

from __future__ import annotations

from .base import Array, Builder, Expression, Form, WithRelu


class Sub(WithRelu):
    """`y = activation(saturate(a - b))`."""

    name = "sub"
    has_vector_kernel = True
    form = Form(onnx="Sub", relax="subtract", exponents="align", espdl="Sub")
    c = "a - b"

    def formula(self, a: Array, b: Array) -> Array:
        """Source: ESP-DL `dl/base/dl_base_sub.cpp`; exponents are not read."""
        return a - b

    def host(self, a: Expression, b: Expression, op: Builder) -> Expression:
        """In TIR."""
        return a - b
