"""Finds LayerNormalization that an exporter has spelled out, in any of the usual spellings.

Must never change a network; `rewrite_functions` does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from onnx import NodeProto

from ..onnx_graphs.graph import STANDARD, Array, Graph, attribute
from ..onnx_graphs.rewriting import scalar

#: What moves no element.
_VIEWS = ("Reshape", "Unsqueeze", "Squeeze", "Flatten")


@dataclass(frozen=True, eq=False)
class LayerNorm:
    """One of them; the node that computes `result` may become it."""

    source: str
    result: str
    #: The normalized axes, in order: the last ones, or a single other one.
    axes: tuple[int, ...]
    epsilon: float
    #: Of the shape of the normalized axes.
    scale: Array
    bias: Array | None


def layer_norms(graph: Graph) -> Iterator[LayerNorm]:
    """All of a network, in its order."""
    for node in graph.model.graph.node:
        found = _normalized(node, graph) or _by_moments(node, graph)
        if found is None:
            continue
        source, axes, epsilon, inner = found
        shape = graph.shape(source)
        if shape is None:
            continue
        result, scale = node.output[0], inner
        if scale is None:
            result, scale = _with_operand(result, "Mul", shape, axes, graph)
        result, bias = _with_operand(result, "Add", shape, axes, graph)
        if scale is None:
            scale = np.ones([shape[axis] for axis in axes], np.float32)
        yield LayerNorm(source, result, axes, epsilon, scale, bias)


#: Source, axes and epsilon of a normalized tensor, and a scale that is in it already.
_Normalized = tuple[str, tuple[int, ...], float, "Array | None"]


def _normalized(node: NodeProto, graph: Graph) -> _Normalized | None:
    """A quotient of a centred tensor and the root of the mean of its squares."""
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
    axes = None if variance is None else _last_axes(variance, graph)
    if variance is None or epsilon is None or axes is None or epsilon <= 0:
        return None
    mean = graph.maker(difference.input[1])
    square = graph.maker(variance.input[0])
    of = _squared(square, graph)
    same = of is not None and _centred(graph.maker(of), graph) == source
    if mean is None or not same or _last_axes(mean, graph) != axes:
        return None
    return source, axes, epsilon, None


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


def _last_axes(node: NodeProto, graph: Graph) -> tuple[int, ...] | None:
    """The axes that a mean is over, where these are the last ones and stay."""
    shape = graph.shape(node.input[0])
    if node.op_type != "ReduceMean" or not attribute(node, "keepdims", 1) or shape is None:
        return None
    axes = reduced_axes(node, graph)
    return axes if axes and axes == tuple(range(axes[0], len(shape))) else None


def reduced_axes(node: NodeProto, graph: Graph) -> tuple[int, ...] | None:
    """The axes that a reduction is over, where they are stated."""
    shape, axes = graph.shape(node.input[0]), attribute(node, "axes", None)
    if axes is None and len(node.input) > 1 and graph.is_constant(node.input[1]):
        axes = graph.constant(node.input[1]).ravel().tolist()
    return tuple(sorted(axis % len(shape) for axis in axes)) if axes and shape else None


def _with_operand(
    tensor: str, operator: str, shape: tuple[int, ...], axes: tuple[int, ...], graph: Graph
) -> tuple[str, Array | None]:
    """The only reader of a tensor and its constant, where that is a scale or bias of the axes."""
    place = graph.only_consumer(tensor)
    node = None if place is None else graph.model.graph.node[place]
    if node is None or node.op_type != operator or node.domain not in STANDARD:
        return tensor, None
    other = node.input[1] if node.input[0] == tensor else node.input[0]
    if graph.shape(node.output[0]) != shape:
        return tensor, None
    value = _of_axes(other, shape, axes, graph)
    return (tensor, None) if value is None else (node.output[0], value)


def _of_axes(
    name: str, shape: tuple[int, ...], axes: tuple[int, ...], graph: Graph
) -> Array | None:
    """A constant as an array of the normalized axes, where it is the same for all others."""
    if not graph.is_constant(name):
        return None
    value = graph.constant(name)
    extents = (*[1] * (len(shape) - value.ndim), *value.shape)
    if any(extent != 1 for axis, extent in enumerate(extents) if axis not in axes):
        return None
    inner = [shape[axis] for axis in axes]
    of_axes = value.reshape([extents[axis] for axis in axes])
    return np.ascontiguousarray(np.broadcast_to(of_axes, inner))


def _by_moments(node: NodeProto, graph: Graph) -> _Normalized | None:
    """As JAX and TensorFlow write it: `(x - E[x]) * (scale / sqrt(E[x^2] - E[x]^2 + e))`.

    Integers do not survive that difference, so that a single axis that is not the last is taken,
    too.
    """
    if node.op_type != "Mul" or node.domain not in STANDARD:
        return None
    for place in (0, 1):
        centred = graph.maker(node.input[place])
        if centred is None or centred.op_type != "Sub":
            continue
        source, shape = centred.input[0], graph.shape(centred.input[0])
        axes = _axes_of_mean(centred.input[1], source, graph)
        if axes is None or shape is None:
            continue
        root, scale = _rooted(node.input[1 - place], shape, axes, graph)
        epsilon = None if root is None else _epsilon_of_moments(root, source, axes, graph)
        if epsilon is not None:
            return source, axes, epsilon, scale
    return None


def _rooted(
    name: str, shape: tuple[int, ...], axes: tuple[int, ...], graph: Graph
) -> tuple[str | None, Array | None]:
    """What `scale / sqrt(...)` takes the root of, and the scale where there is one."""
    node, scale = graph.maker(name), None
    if node is not None and node.op_type == "Mul":
        constant = next((each for each in node.input if graph.is_constant(each)), None)
        scale = None if constant is None else _of_axes(constant, shape, axes, graph)
        if scale is None:
            return None, None
        node = graph.maker(node.input[1 if node.input[0] == constant else 0])
    if node is None or node.op_type != "Reciprocal":
        return None, None
    root = graph.maker(node.input[0])
    return (root.input[0] if root is not None and root.op_type == "Sqrt" else None), scale


def _epsilon_of_moments(
    name: str, source: str, axes: tuple[int, ...], graph: Graph
) -> float | None:
    """The epsilon of `E[x^2] - E[x]^2 + e`, of which what rounds below zero may be cut off."""
    total = graph.maker(name)
    if total is None or total.op_type != "Add":
        return None
    epsilons = [scalar(each, graph) for each in total.input]
    place = 1 if epsilons[1] is not None else 0
    variance = graph.maker(viewed(total.input[1 - place], graph))
    if variance is not None and variance.op_type == "Relu":
        variance = graph.maker(variance.input[0])
    if variance is None or variance.op_type != "Sub":
        return None
    squares = _meant(variance.input[0], graph)
    of_mean = _squared(graph.maker(variance.input[1]), graph)
    if squares is None or of_mean is None:
        return None
    of = _squared(graph.maker(squares[0]), graph)
    if of != source or squares[1] != axes or _meant(of_mean, graph) != (source, axes):
        return None
    epsilon = epsilons[place]
    return epsilon if epsilon is not None and epsilon > 0 else None


def _axes_of_mean(name: str, source: str, graph: Graph) -> tuple[int, ...] | None:
    """The axes of a mean of `source`, which stands where they were."""
    found, shape = _meant(viewed(name, graph), graph), graph.shape(source)
    if found is None or found[0] != source or shape is None:
        return None
    axes = found[1]
    kept = tuple(1 if axis in axes else extent for axis, extent in enumerate(shape))
    last = axes == tuple(range(axes[0], len(shape)))
    return axes if graph.shape(name) == kept and (last or len(axes) == 1) else None


def _meant(name: str, graph: Graph) -> tuple[str, tuple[int, ...]] | None:
    """What a mean is of, and its axes; also a sum over their number of elements."""
    node = graph.maker(name)
    factor = 1.0
    if node is not None and node.op_type in ("Mul", "Div"):
        numbers = [scalar(each, graph) for each in node.input]
        place = 0 if numbers[0] is not None and node.op_type == "Mul" else 1
        number = numbers[place]
        if not number:
            return None
        factor = number if node.op_type == "Mul" else 1 / number
        node = graph.maker(node.input[1 - place])
    if node is None or node.op_type not in ("ReduceMean", "ReduceSum"):
        return None
    axes, shape = reduced_axes(node, graph), graph.shape(node.input[0])
    if axes is None or shape is None:
        return None
    count = math.prod(shape[axis] for axis in axes) if node.op_type == "ReduceSum" else 1
    return (node.input[0], axes) if math.isclose(factor * count, 1, rel_tol=1e-6) else None


def viewed(name: str, graph: Graph) -> str:
    """What a tensor was before it was only seen in other shapes."""
    while (node := graph.maker(name)) is not None and node.op_type in _VIEWS:
        name = node.input[0]
    return name
