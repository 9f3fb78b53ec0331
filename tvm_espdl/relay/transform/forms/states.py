"""Initial and last states of recurrent layers.

Zero states in front of a layer are integers of the type that states have: zeros are zeros at any
exponent. The last hidden states of a layer whose hidden states are all wanted are cut out, not made
again: a layer's results are calls of their own, and where two of them are quantized alike, one is
a part of the other. Moving integers changes no value.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import tvm
from tvm import relax

from ....ops import Tensor
from ... import qdq
from ...ir import array_of, bindings_of, is_constant, main_of, name_of, op_name, shape_of
from ...layers import BIDIRECTIONAL, FORWARD, Layer, arguments_of, layer_of
from .graph import Graph, Site, dequantized_constant, rewritten, same_quantization

GATE_EXPONENT = -9
B, H, C = 3, 4, 5

Call = tuple[Any, Any, Layer]  # the variable of a layer's result, the call, and what it computes


def _layers(main: relax.Function) -> list[Call]:
    return [(b.var, b.value, found) for b in bindings_of(main) if (found := layer_of(b.value))]


def quantize_zero_states(mod: tvm.IRModule) -> tvm.IRModule:
    """Dequantize calls of integer zeros for initial states that are zeros of float32."""
    layers = {call[0]: call for call in _layers(main_of(mod))}
    graph = Graph(main_of(mod))
    states = {v: _state_of(graph, call, layers.values()) for v, call in layers.items()}

    def rewrite(site: Site) -> Any:
        if site.variable not in layers:
            return None
        given = arguments_of(site.value)
        types = {H: states[site.variable]}
        if layers[site.variable][2].kind == "lstm":
            types[C] = _cells_of(graph, given)
        zeros = {p: t for p, t in types.items() if t and _is_zeros(given[p])}
        if not zeros:
            return None
        arguments = []
        for place, argument in enumerate(given):
            if tensor := zeros.get(place):
                integers = np.zeros(shape_of(argument), tensor.dtype)
                arguments.append(site.emit(dequantized_constant(integers, tensor, axis=-1)))
            else:
                arguments.append(site.expr(argument))
        return site.emit(layers[site.variable][2].call(arguments), like=site.value)

    return rewritten(mod, graph, rewrite) if layers else mod


def _state_of(graph: Graph, call: Call, layers: Iterable[Call]) -> Tensor | None:
    """The type of hidden states: what a result of the layer is quantized to."""
    for other, its_call, layer in (call, *layers):
        if layer.gives == "cells" or not _same_layer(graph, call[1], its_call):
            continue
        for reader in graph.readers[other]:
            if op_name(reader.value) == qdq.QUANTIZE:
                return qdq.quantized_tensor(reader.value)
    return None


def _same_layer(graph: Graph, one: Any, other: Any) -> bool:
    """Whether two calls give results of one layer: their arguments come from the same places."""
    first, second = arguments_of(one), arguments_of(other)
    return len(first) == len(second) and all(
        _source(graph, a).same_as(_source(graph, b)) for a, b in zip(first, second, strict=True)
    )


def _source(graph: Graph, argument: Any) -> Any:
    value = graph.call(argument, qdq.DEQUANTIZE)
    return argument if value is None else graph.value(value.args[0])


def _cells_of(graph: Graph, arguments: list[Any]) -> Tensor | None:
    biases = graph.weights(arguments[B])
    exponent = GATE_EXPONENT if biases is None else qdq.exponent_of(biases)
    return Tensor("int16", (), exponent) if isinstance(exponent, int) else None


def _is_zeros(argument: Any) -> bool:
    return is_constant(argument) and not array_of(argument).any()


def cut_last_states(mod: tvm.IRModule) -> tvm.IRModule:
    """Slices of all hidden states in place of layers that give the last ones."""
    graph = Graph(main_of(mod))
    wholes = _wholes(graph, _layers(main_of(mod)))
    quantized: dict[Any, Any] = {}

    def rewrite(site: Site) -> Any:
        if site.variable in quantized:
            return quantized[site.variable]
        if site.variable not in wholes:
            return None
        whole = wholes[site.variable]
        integers = site.expr(whole.var)
        if integers.same_as(whole.var):  # it comes later in the network, and is not emitted yet
            integers = site.emit(site.expr(whole.value), str(whole.var.name))
            quantized[whole.var] = integers
        return _parts(site, integers, whole.value)

    return rewritten(mod, graph, rewrite) if wholes else mod


def _wholes(graph: Graph, layers: list[Call]) -> dict[Any, Any]:
    """For each result that is cut out, the binding of the quantize call that it is cut from."""
    found: dict[Any, Any] = {}
    for place, (variable, call, layer) in enumerate(layers):
        if layer.gives != "last" or layer.direction not in (FORWARD, BIDIRECTIONAL):
            continue
        if layer.has_lengths:  # the last states are not at the end
            continue
        for other, its_call, its_layer in layers[:place]:
            whole, last = _quantize_of(graph, other), _quantize_of(graph, variable)
            alike = its_layer.gives == "all" and _same_layer(graph, call, its_call)
            if alike and whole and last and same_quantization(whole.value, last.value):
                found[variable] = whole
    return found


def _quantize_of(graph: Graph, variable: relax.Var) -> Any:
    """The binding of the only call that reads a variable, where that is a quantize call."""
    reader = graph.only_reader(variable)
    return reader if op_name(getattr(reader, "value", None)) == qdq.QUANTIZE else None


def _parts(site: Site, integers: Any, like: Any) -> Any:
    """The end of the forward sequence, and the begin of the backward one, in float."""
    layer = layer_of(site.value)
    steps = 1 if layer is not None and layer.batch_first else 0
    extents, tensor = shape_of(integers), name_of(site.value)
    if not tensor:
        reader = _quantize_of(site.graph, site.variable)
        tensor = name_of(reader.value) if reader is not None else str(site.variable.name)

    def moved(value: Any, what: str) -> Any:
        name = f"{tensor}_{what}"
        return site.dequantized(
            site.quantized(site.emit(value), like, name, by_compiler=True), like
        )

    parts = []
    for direction in range(extents[steps + 1]):
        begin = [0 if direction else extents[steps] - 1, direction]
        source = site.dequantized(integers, like)
        end = [index + 1 for index in begin]
        part = relax.op.strided_slice(source, [steps, steps + 1], begin, end, [1, 1])
        parts.append(moved(part, f"of_direction_{direction}"))
    joined = parts[0] if len(parts) == 1 else moved(relax.op.concat(parts, steps + 1), "joined")
    return site.emit(relax.op.reshape(joined, shape_of(site.variable)), str(site.variable.name))
