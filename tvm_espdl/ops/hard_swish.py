"""hard_swish: each value times a straight line between two limits, 0 and 1."""

from __future__ import annotations

import numpy as np

from .base import Array, Builder, Expression, FloatFunction, Form

SIXTH = 0.166667  # the constant of the chip, in double precision


class HardSwish(FloatFunction):
    """`f(x) = x * min(max(x + 3, 0), 6) / 6`."""

    name = "hard_swish"
    form = Form("HardSwish", (), "own", "HardSwish")
    c = """
    const double wide = (double)real;
    const double line = 0.166667 * wide + 0.5;
    return (float)((line > 1.0 ? 1.0 : line > 0.0 ? line : 0.0) * wide);
    """

    def formula(self, real: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_hard_swish.hpp`, in double precision."""
        wide = real.astype(np.float64)
        return (np.clip(SIXTH * wide + 0.5, 0.0, 1.0) * wide).astype(np.float32)

    def host(self, real: Expression, op: Builder) -> Expression:
        """In TIR."""
        wide = op.cast(real, "float64")
        line = op.separate(op.double(SIXTH) * wide) + op.double(0.5)
        return op.cast(op.limit(line, 0.0, 1.0) * wide, "float32")

    def exact(self, real: Array) -> Array:
        """In double precision."""
        return real * np.clip(real + 3.0, 0.0, 6.0) / 6.0
