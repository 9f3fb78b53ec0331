"""Zero states in front of recurrent layers, written as integers of the type that states have.

Zeros are zeros at any exponent: no value changes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tvm
from tvm.ir import Call

from ....ops import Tensor
from ... import qdq
from ...ir import Rebuilder, array_of, bindings_of, is_constant, main_of, op_name, shape_of
from ...layers import arguments_of, layer_of
from .graph import Graph, dequantized_constant, rewritten

GATE_EXPONENT = -9
B, H, C = 3, 4, 5


def quantize_zero_states(mod: tvm.IRModule) -> tvm.IRModule:
    """Dequantize calls of integer zeros for initial states that are zeros of float32."""
    main = main_of(mod)
    layers = [(b.var, b.value) for b in bindings_of(main) if layer_of(b.value) is not None]
    if not layers:
        return mod
    graph = Graph(main)
    states = {variable: _state_of(graph, variable, call, layers) for variable, call in layers}

    def rewrite(rebuilder: Rebuilder, variable: Any, value: Any) -> Any:
        if variable not in states:
            return None
        given = arguments_of(value)
        types = {H: states[variable], C: _cells_of(graph, given)}
        zeros = {p: t for p, t in types.items() if p < len(given) and t and _is_zeros(given[p])}
        if not zeros:
            return None
        arguments = []
        for place, argument in enumerate(given):
            tensor = zeros.get(place)
            if tensor is None:
                arguments.append(rebuilder.expr(argument))
                continue
            integers = np.zeros(shape_of(argument), tensor.dtype)
            arguments.append(rebuilder.emit(dequantized_constant(integers, tensor, axis=-1)))
        layer = layer_of(value)
        assert layer is not None
        call = layer.call(arguments)
        return rebuilder.emit(Call(call.op, call.args, call.attrs, call.ty_args, value.span))

    return rewritten(mod, rewrite)


def _state_of(graph: Graph, variable: Any, call: Any, layers: list[Any]) -> Tensor | None:
    """The type of hidden states: what a result of the layer is quantized to."""
    for other, its_call in [(variable, call), *layers]:
        layer = layer_of(its_call)
        if layer is None or layer.gives == "cells" or not same_layer(graph, call, its_call):
            continue
        for reader in graph.readers[other]:
            if op_name(reader.value) == qdq.QUANTIZE:
                return qdq.quantized_tensor(reader.value)
    return None


def same_layer(graph: Graph, one: Any, other: Any) -> bool:
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
