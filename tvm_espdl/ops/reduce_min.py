"""reduce_min: the smallest element along some axes."""

from __future__ import annotations

from ..chips import Chip
from .base import Array, Builder, Expression, Extreme, Form


class ReduceMin(Extreme):
    """`y = min(x)`."""

    name = "reduce_min"
    form = Form(onnx="ReduceMin", relax="min", exponents="share", espdl="ReduceMin")
    c = "v < best ? v : best"

    def combined(self, lines: Array, chip: Chip) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_reduce_min.hpp`."""
        return lines.min(axis=0)

    def host(self, best: Expression, v: Expression, op: Builder) -> Expression:
        """In TIR."""
        return op.min(best, v)
