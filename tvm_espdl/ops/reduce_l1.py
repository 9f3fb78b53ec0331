"""reduce_l1: the sum of magnitudes along some axes."""

from __future__ import annotations

import numpy as np

from .base import Array, Builder, ExactSum, Expression, Form


class ReduceL1(ExactSum):
    """`y = saturate(round(sum(|x|) >> (oe - xe)))`."""

    name = "reduce_l1"
    form = Form("ReduceL1", ("abs", "sum"), exponents="own", espdl="ReduceL1")
    c = "v < 0 ? -v : v"

    def term(self, x: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_reduce_l1.hpp`."""
        return np.abs(x)

    def host_term(self, v: Expression, op: Builder) -> Expression:
        """In TIR."""
        return op.max(v, 0 - v)
