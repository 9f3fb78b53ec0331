"""pow: one tensor to the power of another, with broadcasting; any exponents."""

from __future__ import annotations

import numpy as np

from .base import Array, Builder, Expression, Form, RealBroadcast


class Pow(RealBroadcast):
    """`y = saturate(round(powf(a * 2**ae, b * 2**be) * 2**-oe))`.

    What is no number (a negative base with a broken power) gives the largest integer, as on the
    chips with an FPU. The power is evaluated in double precision and rounded once to float32: the
    chip's `powf` can be one step away.
    """

    name = "pow"
    form = Form(onnx="Pow", relax="power", exponents="own", espdl="Pow")
    c = """
    const double power = pow((double)a, (double)b);
    if (power > (double)FLT_MAX) {
      return INFINITY;
    }
    return power < -(double)FLT_MAX ? -INFINITY : (float)power;
    """

    def formula(self, a: Array, b: Array) -> Array:
        """Source: ESP-DL `dl/base/dl_base_pow.cpp`."""
        power: Array = np.power(a.astype(np.float64), b.astype(np.float64)).astype(np.float32)
        return power

    def host(self, a: Expression, b: Expression, op: Builder) -> Expression:
        """In TIR."""
        return op.pow(a, b)
