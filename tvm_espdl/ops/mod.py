"""mod: the remainder of a division, with the sign of the dividend; any exponents."""

from __future__ import annotations

import numpy as np

from .base import Array, Builder, Expression, Form, RealBroadcast


class Mod(RealBroadcast):
    """`y = saturate(round(fmodf(a * 2**ae, b * 2**be) * 2**-oe))`; a remainder by zero is zero.

    The kernel ignores ONNX's attribute `fmod`: there is no remainder with the divisor's sign.
    """

    name = "mod"
    form = Form("Mod", "mod", exponents="own", espdl="Mod", fixed=(("fmod", 1),))
    c = "b < 0.0f || b > 0.0f ? fmodf(a, b) : 0.0f"

    def formula(self, a: Array, b: Array) -> Array:
        """Source: ESP-DL `dl/base/dl_base_mod.cpp`; `fmodf` is exact."""
        remainder: Array = np.where(b == 0, np.float32(0), np.fmod(a, b))
        return remainder

    def host(self, a: Expression, b: Expression, op: Builder) -> Expression:
        """In TIR."""
        zero = op.real(0.0)
        remainder = op.fmod(a, op.select(b == zero, op.real(1.0), b))
        return op.select(b == zero, zero, remainder)
