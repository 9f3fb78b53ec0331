"""The last hidden states of a layer whose hidden states are all wanted: cut out, not made again.

A layer's results are calls of their own. Where two of them are quantized alike, one is a part of
the other, and moving integers changes no value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tvm
from tvm import relax

from ... import qdq
from ...ir import Rebuilder, added, bindings_of, main_of, name_of, op_name, shape_of
from ...layers import BIDIRECTIONAL, FORWARD, Layer, layer_of
from .graph import Graph, emit_dequantized, rewritten, same_quantization
from .states import same_layer


@dataclass(frozen=True, eq=False)
class _Cut:
    """A call that is replaced, and the binding of the quantize call whose result it is cut from."""

    layer: Layer
    whole: Any


def cut_last_states(mod: tvm.IRModule) -> tvm.IRModule:
    """Slices of all hidden states in place of layers that give the last ones."""
    main = main_of(mod)
    if not any(layer_of(b.value) for b in bindings_of(main)):
        return mod
    graph = Graph(main)
    cuts = _cuts(graph, bindings_of(main))
    quantized: dict[Any, Any] = {}

    def rewrite(rebuilder: Rebuilder, variable: Any, value: Any) -> Any:
        if variable in quantized:
            return quantized[variable]
        if variable not in cuts:
            return None
        whole = cuts[variable].whole
        if whole.var not in quantized:
            integers = rebuilder.emit(rebuilder.expr(whole.value), str(whole.var.name))
            quantized[whole.var] = integers
        return _emit_parts(rebuilder, cuts[variable], quantized[whole.var], value, variable)

    return rewritten(mod, rewrite) if cuts else mod


def _cuts(graph: Graph, bindings: list[Any]) -> dict[Any, _Cut]:
    calls = [(b.var, b.value, layer) for b in bindings if (layer := layer_of(b.value)) is not None]
    found: dict[Any, _Cut] = {}
    for place, (variable, call, layer) in enumerate(calls):
        if layer.gives != "last" or layer.direction not in (FORWARD, BIDIRECTIONAL):
            continue
        for other, its_call, its_layer in calls[:place]:
            whole, last = _quantize_of(graph, other), _quantize_of(graph, variable)
            alike = its_layer.gives == "all" and same_layer(graph, call, its_call)
            if alike and whole and last and same_quantization(whole.value, last.value):
                found[variable] = _Cut(layer, whole)
    return found


def _quantize_of(graph: Graph, variable: Any) -> Any:
    """The binding of the only call that reads a variable, where that is a quantize call."""
    if not graph.is_read_once(variable):
        return None
    (reader,) = graph.readers[variable]
    return reader if op_name(reader.value) == qdq.QUANTIZE else None


def _emit_parts(rebuilder: Rebuilder, cut: _Cut, integers: Any, call: Any, variable: Any) -> Any:
    """The end of the forward sequence, and the begin of the backward one, in float."""
    name, like = name_of(call), cut.whole.value
    steps = 1 if cut.layer.batch_first else 0
    extents = shape_of(integers)

    def moved(value: Any, what: str) -> Any:
        result = rebuilder.emit(value)
        dtype = qdq.quantized_dtype(like)
        again = relax.op.quantize(result, like.args[1], like.args[2], axis=-1, out_dtype=dtype)
        emitted = rebuilder.emit(added(again, f"{name}_{what}"))
        return emit_dequantized(rebuilder, emitted, like)

    parts = []
    for direction in range(extents[steps + 1]):
        begin = [0 if direction else extents[steps] - 1, direction]
        source = emit_dequantized(rebuilder, integers, like)
        end = [index + 1 for index in begin]
        part = relax.op.strided_slice(source, [steps, steps + 1], begin, end, [1, 1])
        parts.append(moved(part, f"of_direction_{direction}"))
    joined = parts[0] if len(parts) == 1 else moved(relax.op.concat(parts, steps + 1), "joined")
    return rebuilder.emit(relax.op.reshape(joined, shape_of(variable)), str(variable.name))
