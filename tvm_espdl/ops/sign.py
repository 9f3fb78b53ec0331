"""sign: 1, 0 or -1 at the output's exponent, of which each is an integer."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import Array, Builder, Expression, FieldValue, Form, Pointwise, rule


class Sign(Pointwise):
    """`y = sign(x) * 2**-oe`; the exponent of x does not matter."""

    name = "sign"
    form = Form(onnx="Sign", relax="sign", exponents="own", espdl=None)
    c = "v > 0 ? d->one : v < 0 ? -d->one : 0"

    @property
    def one(self) -> int:
        """The integer of y that means 1."""
        return min(int(2.0**-self.y.uniform_exponent), int(np.iinfo(self.y.dtype).max))

    def formula(self, v: Array) -> Array:
        """Our own definition: ESP-DL has no kernel."""
        return np.sign(v) * self.one

    def host(self, v: Expression, op: Builder) -> Expression:
        """In TIR."""
        return op.select(v > 0, self.one, op.select(v < 0, -self.one, 0))

    def parameters(self, chip: Chip) -> dict[str, FieldValue]:
        """What means 1."""
        return {"one": self.one}

    @rule(
        allowed="-6 to 0 for int8, -14 to 0 for int16", fix="quantize the output with scale 2**-6"
    )
    def one_is_an_integer(self, chip: Chip) -> str | None:
        """The output's exponent is one at which 1 and -1 are integers of its type."""
        exponent, lowest = self.y.uniform_exponent, -6 if self.y.dtype == "int8" else -14
        return None if lowest <= exponent <= 0 else f"exponent {exponent}"
