"""Moves of elements between a dequantize and an operator: they happen on the integers.

A reshape, transpose or slice of dequantized integers is quantized at its own scale and dequantized
again, which changes no value, so that it can be an operator of its own.
"""

from __future__ import annotations

from typing import Any

import tvm

from ... import qdq
from ...ir import Rebuilder, main_of, name_of, op_name
from .graph import Graph, emit_dequantized, emit_quantized, rewritten

MOVES = ("relax.reshape", "relax.permute_dims", "relax.strided_slice")


def quantize_moves(mod: tvm.IRModule) -> tvm.IRModule:
    """Quantize the results of moves that are read by something else than quantize."""
    graph = Graph(main_of(mod))
    moved: dict[Any, Any] = {}

    def source_of(value: Any) -> Any:
        """The dequantize call in front of a move, which may follow another move."""
        before = moved.get(value.args[0])
        return graph.dequantized(value.args[0]) if before is None else before

    def rewrite(rebuilder: Rebuilder, variable: Any, value: Any) -> Any:
        if op_name(value) not in MOVES or variable in graph.outputs:
            return None
        readers = [op_name(reader.value) for reader in graph.readers[variable]]
        source = source_of(value)
        if source is None or graph.weights(source) is not None or qdq.QUANTIZE in readers:
            return None
        moved[variable] = source
        result = rebuilder.emit(rebuilder.expr(value), str(variable.name))
        quantized = emit_quantized(rebuilder, result, source, name_of(value))
        return emit_dequantized(rebuilder, quantized, source)

    return rewritten(mod, rewrite)
