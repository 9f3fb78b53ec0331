"""reduce_sum: the sum along some axes."""

from __future__ import annotations

from .base import ExactSum, Form


class ReduceSum(ExactSum):
    """`y = saturate(round(sum(x) >> (oe - xe)))`.

    Source: ESP-DL `dl/module/include/dl_module_reduce_sum.hpp`.
    """

    name = "reduce_sum"
    form = Form("ReduceSum", "sum", exponents="own", espdl="ReduceSum")
    c = "v"
