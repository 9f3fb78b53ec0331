"""Quantizations that repeat what was quantized alike just before.

`relu(saturate(round(v)))` is `saturate(round(relu(v)))` at one exponent, for rounding keeps the
order of numbers and zero; and integers that are quantized again at their own scale stay the same.
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm import relax

from ... import qdq
from ...ir import Rebuilder, main_of, name_of, named, op_name
from .graph import RELU, Graph, emit_quantized, rewritten, same_quantization


def join_quantizations(mod: tvm.IRModule) -> tvm.IRModule:
    """Fold a ReLU into the product or sum before it, and drop repeated quantizations."""
    graph = Graph(main_of(mod))

    def rewrite(rebuilder: Rebuilder, variable: Any, value: Any) -> Any:
        if op_name(value) != qdq.QUANTIZE:
            return None
        relu = graph.call(value.args[0], RELU)
        dequantize = graph.dequantized(value.args[0] if relu is None else relu.args[0])
        if dequantize is None or not same_quantization(dequantize, value):
            return None
        source = dequantize.args[0]
        if relu is None:
            return rebuilder.expr(source) if _may_vanish(graph, variable, source) else None
        before = graph.call(source, qdq.QUANTIZE)
        if before is None or not graph.is_read_once(source):
            return None
        if not graph.is_rounded_once(before.args[0]):
            return None
        joined = relax.op.nn.relu(rebuilder.expr(before.args[0]))
        joined = rebuilder.emit(named(joined, name_of(relu)))
        return emit_quantized(rebuilder, joined, value, name_of(value))

    return rewritten(mod, rewrite)


def _may_vanish(graph: Graph, variable: Any, source: Any) -> bool:
    """Whether a repeated quantization is no output and repeats what a call computed."""
    return variable not in graph.outputs and graph.call(source, qdq.QUANTIZE) is not None
