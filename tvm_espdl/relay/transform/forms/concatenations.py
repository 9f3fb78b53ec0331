"""Concatenations of more inputs than a kernel takes, in steps.

Each step is quantized like the whole: quantizing its elements a second time changes none of them.
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm import relax

from ....ops.concat import MAX_INPUTS
from ... import qdq
from ...ir import Rebuilder, added, main_of, name_of, named, op_name
from .graph import Graph, emit_dequantized, emit_quantized, rewritten

CONCAT = "relax.concat"


def split_concatenations(mod: tvm.IRModule) -> tvm.IRModule:
    """Rewrite each quantized concatenation of too many inputs."""
    graph = Graph(main_of(mod))
    if not any(op_name(value) == CONCAT for value in graph.values.values()):
        return mod

    def rewrite(rebuilder: Rebuilder, variable: Any, value: Any) -> Any:
        if op_name(value) != qdq.QUANTIZE or not isinstance(qdq.exponent_of(value), int):
            return None
        concat = graph.call(value.args[0], CONCAT)
        fields = graph.value(concat.args[0]) if concat is not None else None
        if not isinstance(fields, relax.Tuple) or len(fields.fields) <= MAX_INPUTS:
            return None
        parts, axis = [rebuilder.expr(field) for field in fields.fields], concat.attrs.axis
        step = 0
        while len(parts) > MAX_INPUTS:
            groups = [parts[n : n + MAX_INPUTS] for n in range(0, len(parts), MAX_INPUTS)]
            names = [f"{name_of(value)}_part{step + n}" for n in range(len(groups))]
            parts = [
                _joined(rebuilder, group, axis, value, name)
                for group, name in zip(groups, names, strict=True)
            ]
            step += len(groups)
        whole = rebuilder.emit(named(relax.op.concat(parts, axis), name_of(concat)))
        return emit_quantized(rebuilder, whole, value, name_of(value))

    return rewritten(mod, rewrite)


def _joined(rebuilder: Rebuilder, group: list[Any], axis: Any, whole: Any, name: str) -> Any:
    if len(group) == 1:
        return group[0]
    joined = rebuilder.emit(relax.op.concat(group, axis))
    like = relax.op.quantize(joined, *whole.args[1:], axis=-1, out_dtype=qdq.quantized_dtype(whole))
    return emit_dequantized(rebuilder, rebuilder.emit(added(like, name), name), whole)
