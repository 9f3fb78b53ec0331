"""reduce_log_sum: the natural logarithm of the sum along some axes."""

from __future__ import annotations

import numpy as np

from .base import Array, Builder, Expression, Form, RealSum


class ReduceLogSum(RealSum):
    """`y = saturate(round(log(float32(sum) * 2**xe) * 2**-oe))`, in float32.

    The logarithm of 0 gives the smallest integer, that of a negative sum the largest.
    """

    name = "reduce_log_sum"
    form = Form("ReduceLogSum", ("sum", "log"), exponents="own", espdl="ReduceLogSum")
    c = """
    if (real > 0.0f) {
      return (float)log((double)real);
    }
    return real < 0.0f ? NAN : -INFINITY;
    """

    def formula(self, real: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_reduce_log_sum.hpp`.

        The logarithm is rounded from double precision; the chip's own may differ in the last bit.
        """
        return np.log(real.astype(np.float64)).astype(np.float32)

    def host(self, real: Expression, op: Builder) -> Expression:
        """In TIR."""
        return op.log(real)
