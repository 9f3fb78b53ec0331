"""reduce_max: the largest element along some axes."""

from __future__ import annotations

from ..chips import Chip
from .base import Array, Builder, Expression, Extreme, Form


class ReduceMax(Extreme):
    """`y = max(x)`."""

    name = "reduce_max"
    form = Form(onnx="ReduceMax", relax="max", exponents="share", espdl="ReduceMax")
    c = "v > best ? v : best"

    def combined(self, lines: Array, chip: Chip) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_reduce_max.hpp`."""
        return lines.max(axis=0)

    def host(self, best: Expression, v: Expression, op: Builder) -> Expression:
        """In TIR."""
        return op.max(best, v)
