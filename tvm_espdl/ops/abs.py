"""abs: the magnitude of each value, at one exponent; that of the smallest integer saturates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .base.builder import Builder, Expression
from .base.form import Form
from .base.pointwise import Pointwise
from .base.rounding import Array
from .base.unary import SameExponent


@dataclass(frozen=True)
class Abs(SameExponent, Pointwise):
    """`y = saturate(|x|)`."""

    name = "abs"
    form = Form(onnx="Abs", relax="abs", exponents="share", espdl=None)
    c = "v < 0 ? -v : v"

    def formula(self, v: Array) -> Array:
        """Our own definition: ESP-DL has no kernel."""
        return np.abs(v)

    def host(self, v: Expression, op: Builder) -> Expression:
        """In TIR."""
        return op.max(v, 0 - v)
