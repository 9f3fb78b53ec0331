"""reduce_sum_square: the sum of squares along some axes."""

from __future__ import annotations

from .base import Array, Builder, ExactSum, Expression, Form


class ReduceSumSquare(ExactSum):
    """`y = saturate(round(sum(x * x) >> (oe - 2 * xe)))`."""

    name = "reduce_sum_square"
    form = Form("ReduceSumSquare", ("square", "sum"), exponents="own", espdl="ReduceSumSquare")
    c = "v * v"
    term_bits = 14

    @property
    def shift(self) -> int:
        """Right shift from the sum to y."""
        return self.y.uniform_exponent - 2 * self.x.uniform_exponent

    @property
    def macs(self) -> int:
        """One for each element."""
        return self.x.size

    def term(self, x: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_reduce_sum_square.hpp`."""
        return x * x

    def host_term(self, v: Expression, op: Builder) -> Expression:
        """In TIR."""
        return v * v
