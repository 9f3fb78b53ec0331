"""Rewrites that recognise Gelu and LayerNormalization which an exporter has spelled out.

Must never change what is computed beyond float rounding; changes the model it is given in place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from onnx import ModelProto, helper

from ..errors import ModelError
from ..onnx_graphs.graph import STANDARD, Graph
from ..onnx_graphs.opset import raise_opset
from ..onnx_graphs.rewriting import (
    add_constant,
    fresh_name,
    infer,
    name_nodes,
    opset_of,
    replace_nodes,
    set_node,
)
from .layer_norms import LayerNorm, layer_norms
from .polynomial import Polynomial, alike, arithmetic_behind, polynomial

_FoundT = TypeVar("_FoundT")

_GELU_OPSET = 20
_LAYER_NORM_OPSET = 17

# With x and t = erf(x / sqrt(2)), or the tanh of a polynomial.
_GELU: Polynomial = {(1, 0): 0.5, (1, 1): 0.5}
_INNER: dict[str, Polynomial] = {
    "Erf": {(1,): math.sqrt(0.5)},
    "Tanh": {(1,): math.sqrt(2 / math.pi), (3,): 0.044715 * math.sqrt(2 / math.pi)},
}
# Gates are used a few sums and products behind the function.
_MOST_STEPS = 5


def gelu(model: ModelProto) -> int:
    """Write `x * (1 + erf(x / sqrt(2))) / 2`, or its form by tanh, in any spelling, as Gelu."""
    return _written(model, _GELU_OPSET, _gelus, _write_gelu)


def layer_norm(model: ModelProto) -> int:
    """Write `(x - mean) / sqrt(variance + e) * s + b` over the last axes as LayerNormalization."""
    return _written(model, _LAYER_NORM_OPSET, layer_norms, _write_layer_norm)


def _written(
    model: ModelProto,
    opset: int,
    find: Callable[[Graph], Iterator[_FoundT]],
    write: Callable[[ModelProto, _FoundT], None],
) -> int:
    """Raise the operator set where there is something to write, and write it."""
    if next(find(Graph(model)), None) is None:
        return 0
    if opset_of(model) < opset:
        try:
            model.CopyFrom(raise_opset(model, opset))
        except ModelError:
            return 0  # what is spelled out stays so: it computes the same
        name_nodes(model)
    count = 0
    while (found := next(find(Graph(model)), None)) is not None:
        write(model, found)
        count += 1
    return count


@dataclass(frozen=True)
class _Gelu:
    source: str
    result: str
    function: str


def _gelus(graph: Graph) -> Iterator[_Gelu]:
    for node in graph.model.graph.node:
        if node.op_type not in _INNER or node.domain not in STANDARD:
            continue
        function = node.output[0]
        for source in arithmetic_behind(node.input[0], graph):
            inner = polynomial(node.input[0], (source,), graph)
            if graph.is_float(source) and alike(inner, _INNER[node.op_type]):
                for result in _readers(function, graph):
                    outer = polynomial(result, (source, function), graph)
                    if graph.shape(result) == graph.shape(source) and alike(outer, _GELU):
                        yield _Gelu(source, result, node.op_type)
                        break


def _readers(tensor: str, graph: Graph) -> list[str]:
    """Tensors that are computed from one, within a few steps, nearest first."""
    found, front = [], [tensor]
    for _ in range(_MOST_STEPS):
        nodes = {place for name in front for place in graph.consumers(name)}
        front = [graph.model.graph.node[place].output[0] for place in sorted(nodes)]
        found += front
    return found


def _write_gelu(model: ModelProto, found: _Gelu) -> None:
    node = next(node for node in model.graph.node if found.result in node.output)
    set_node(node, "Gelu", [found.source])
    if found.function == "Tanh":
        node.attribute.append(helper.make_attribute("approximate", "tanh"))


def _write_layer_norm(model: ModelProto, found: LayerNorm) -> None:
    nodes = list(model.graph.node)
    place = next(i for i, node in enumerate(nodes) if found.result in node.output)
    node, source, rank = nodes[place], found.source, len(Graph(model).shape(found.source) or ())
    names = [source, add_constant(model, f"{node.name}_scale", found.scale)]
    if found.bias is not None:
        names.append(add_constant(model, f"{node.name}_bias", found.bias))
    first = found.axes[0]
    if found.axes == tuple(range(first, rank)):
        set_node(node, "LayerNormalization", names, axis=first, epsilon=found.epsilon)
        return
    # A single axis that is not the last one: it is turned there, and back.
    turn = [axis for axis in range(rank) if axis != first] + [first]
    turned, normed = (fresh_name(model, f"{found.result}_{what}") for what in ("turned", "normed"))
    made = [
        helper.make_node("Transpose", [source], [turned], perm=turn),
        helper.make_node(
            *("LayerNormalization", [turned, *names[1:]], [normed]),
            axis=rank - 1,
            epsilon=found.epsilon,
        ),
    ]
    set_node(node, "Transpose", [normed], perm=[turn.index(axis) for axis in range(rank)])
    replace_nodes(model, [*nodes[:place], *made, node, *nodes[place + 1 :]])
    infer(model)
    name_nodes(model)
