"""Rewrites that recognise Gelu and LayerNormalization which an exporter has spelled out.

Must never change what is computed beyond float rounding; changes the model it is given in place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from onnx import ModelProto, NodeProto, helper

from ..errors import ModelError
from ..onnx_graphs.graph import STANDARD, Array, Graph, attribute
from ..onnx_graphs.opset import raise_opset
from ..onnx_graphs.rewriting import add_constant, name_nodes, opset_of, scalar, set_node
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
    return _written(model, _LAYER_NORM_OPSET, _layer_norms, _write_layer_norm)


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


@dataclass(frozen=True, eq=False)
class _LayerNorm:
    source: str
    result: str
    #: The first of the normalized axes.
    axis: int
    epsilon: float
    #: Of the shape of the normalized axes.
    scale: Array
    bias: Array | None


def _layer_norms(graph: Graph) -> Iterator[_LayerNorm]:
    for node in graph.model.graph.node:
        found = _normalized(node, graph)
        if found is None:
            continue
        source, axis, epsilon = found
        shape = graph.shape(source)
        if shape is None:
            continue
        result, scale = _with_operand(node.output[0], "Mul", shape, axis, graph)
        result, bias = _with_operand(result, "Add", shape, axis, graph)
        ones = np.ones(shape[axis:], np.float32)
        yield _LayerNorm(source, result, axis, epsilon, ones if scale is None else scale, bias)


def _normalized(node: NodeProto, graph: Graph) -> tuple[str, int, float] | None:
    """Source, first axis and epsilon of a quotient that is a normalized tensor."""
    quotient = _quotient(node, graph)
    if quotient is None:
        return None
    difference, root = (graph.maker(name) for name in quotient)
    source = _centred(difference, graph)
    if source is None or root is None or difference is None:
        return None
    inside = graph.maker(root.input[0]) if root.op_type == "Sqrt" else None
    if inside is None or inside.op_type != "Add":
        return None
    epsilons = [scalar(name, graph) for name in inside.input]
    place = 1 if epsilons[1] is not None else 0
    epsilon, variance = epsilons[place], graph.maker(inside.input[1 - place])
    axis = None if variance is None else _last_axes(variance, graph)
    if variance is None or epsilon is None or axis is None or epsilon <= 0:
        return None
    mean = graph.maker(difference.input[1])
    square = graph.maker(variance.input[0])
    of = _squared(square, graph)
    same = of is not None and _centred(graph.maker(of), graph) == source
    if mean is None or not same or _last_axes(mean, graph) != axis:
        return None
    return source, axis, epsilon


def _quotient(node: NodeProto, graph: Graph) -> tuple[str, str] | None:
    """Dividend and divisor, also of a product with a reciprocal."""
    if node.domain not in STANDARD:
        return None
    if node.op_type == "Div":
        return node.input[0], node.input[1]
    if node.op_type != "Mul":
        return None
    for place in (0, 1):
        inverse = graph.maker(node.input[place])
        if inverse is not None and inverse.op_type == "Reciprocal":
            return node.input[1 - place], inverse.input[0]
        if inverse is None or inverse.op_type != "Div":
            continue
        if scalar(inverse.input[0], graph) == 1.0:
            return node.input[1 - place], inverse.input[1]
    return None


def _centred(node: NodeProto | None, graph: Graph) -> str | None:
    """The tensor that a difference with its own mean is of."""
    if node is None or node.op_type != "Sub":
        return None
    mean = graph.maker(node.input[1])
    is_mean = mean is not None and mean.op_type == "ReduceMean" and mean.input[0] == node.input[0]
    return node.input[0] if is_mean else None


def _squared(node: NodeProto | None, graph: Graph) -> str | None:
    if node is None:
        return None
    if node.op_type == "Pow" and scalar(node.input[1], graph) == 2.0:
        return node.input[0]
    return node.input[0] if node.op_type == "Mul" and node.input[0] == node.input[1] else None


def _last_axes(node: NodeProto, graph: Graph) -> int | None:
    """The first of the axes that a mean is over, where these are the last ones and stay."""
    shape = graph.shape(node.input[0])
    if node.op_type != "ReduceMean" or not attribute(node, "keepdims", 1) or shape is None:
        return None
    axes = attribute(node, "axes", None)
    if axes is None and len(node.input) > 1 and graph.is_constant(node.input[1]):
        axes = graph.constant(node.input[1]).ravel().tolist()
    if not axes:
        return None
    found = sorted(axis % len(shape) for axis in axes)
    return found[0] if found == list(range(found[0], len(shape))) else None


def _with_operand(
    tensor: str, operator: str, shape: tuple[int, ...], axis: int, graph: Graph
) -> tuple[str, Array | None]:
    """The only reader of a tensor and its constant, where that is a scale or bias of the axes."""
    place = graph.only_consumer(tensor)
    node = None if place is None else graph.model.graph.node[place]
    if node is None or node.op_type != operator or node.domain not in STANDARD:
        return tensor, None
    other = node.input[1] if node.input[0] == tensor else node.input[0]
    if not graph.is_constant(other) or graph.shape(node.output[0]) != shape:
        return tensor, None
    value = graph.constant(other)
    inner = shape[axis:]
    if value.ndim > len(inner) and any(extent != 1 for extent in value.shape[: -len(inner)]):
        return tensor, None
    flat = value.reshape(value.shape[-len(inner) :]) if value.ndim > len(inner) else value
    return node.output[0], np.ascontiguousarray(np.broadcast_to(flat, inner))


def _write_layer_norm(model: ModelProto, found: _LayerNorm) -> None:
    node = next(node for node in model.graph.node if found.result in node.output)
    names = [found.source, add_constant(model, f"{node.name}_scale", found.scale)]
    if found.bias is not None:
        names.append(add_constant(model, f"{node.name}_bias", found.bias))
    set_node(node, "LayerNormalization", names, axis=found.axis, epsilon=found.epsilon)
