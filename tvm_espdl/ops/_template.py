"""example: what it does to each value, in one line; copy this file to `ops/<name>.py`.

A name that begins with an underscore registers nothing; any other file of this folder does.
CONTRIBUTING.md says which base to derive from, and how to see that all is well.
"""

from __future__ import annotations

import numpy as np

from .base import Array, Builder, Expression, Form, Pointwise, SameExponent


class Example(SameExponent, Pointwise):
    """`y = saturate(|v|)`: the formula, with every rounding and saturation in it."""

    name = "example"  # the name of the file
    form = Form(onnx="Abs", relax="abs", exponents="share", espdl=None)
    c = "v < 0 ? -v : v"

    def formula(self, v: Array) -> Array:
        """Source: the file of ESP-DL that says so, or that the definition is our own."""
        return np.abs(v)

    def host(self, v: Expression, op: Builder) -> Expression:
        """In TIR."""
        return op.max(v, 0 - v)
