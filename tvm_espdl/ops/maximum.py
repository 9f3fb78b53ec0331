"""maximum: the larger of two values, element by element with broadcasting, at one exponent."""

from __future__ import annotations

import numpy as np

from .base import Array, Builder, Expression, Form, RawBroadcast


class Maximum(RawBroadcast):
    """`y = max(a, b)` on the integers as they are."""

    name = "maximum"
    has_vector_kernel = True
    form = Form(onnx="Max", relax="maximum", exponents="align", espdl=None, base_only=True)
    c = "a > b ? a : b"

    def formula(self, a: Array, b: Array) -> Array:
        """Source: ESP-DL `dl/base/dl_base_max.cpp`; exponents are not read."""
        return np.maximum(a, b)

    def host(self, a: Expression, b: Expression, op: Builder) -> Expression:
        """In TIR."""
        return op.max(a, b)
