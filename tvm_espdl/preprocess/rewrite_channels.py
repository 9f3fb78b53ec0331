"""Rewrites that fold one factor and one summand per channel into the layer before them.

Must never change what the network computes beyond float rounding; changes its model in place.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto

from ..onnx_graphs.graph import Graph, attribute
from ..onnx_graphs.rewriting import add_constant, of_each_node, set_node

Floats = npt.NDArray[np.float64]

_ARITHMETIC = ("Mul", "Div", "Add", "Sub")


def fold_batch_norm(model: ModelProto) -> int:
    """Fold BatchNormalization into the layer before it."""
    return _fold(model, ("BatchNormalization",))


def fold_arithmetic(model: ModelProto) -> int:
    """Fold Mul, Div, Add and Sub with one constant per channel into the layer before them."""
    return _fold(model, _ARITHMETIC)


def _fold(model: ModelProto, operators: tuple[str, ...]) -> int:
    """Fold what stands right behind a layer; then what stood behind that."""
    graph = Graph(model)
    gone: set[int] = set()
    for index in range(len(graph.nodes)):
        follower = _fold_after(index, graph, operators) if index not in gone else None
        if follower is not None:
            gone.add(follower)
    for index in sorted(gone, reverse=True):
        del model.graph.node[index]
    return len(gone) + _fold(model, operators) if gone else 0


def _fold_after(index: int, graph: Graph, operators: tuple[str, ...]) -> int | None:
    """Fold the node behind node `index` into it and return its index; None if it cannot be."""
    node = graph.nodes[index]
    axis = _output_channel_axis(node, graph)
    follower = graph.only_consumer(node.output[0]) if axis is not None else None
    if axis is None or follower is None:
        return None
    after = graph.nodes[follower]
    if after.op_type not in operators:
        return None
    weight = graph.constant(node.input[1]).astype(np.float64)
    rank = 2 if node.op_type == "Gemm" else weight.ndim
    arithmetic = _channel_arithmetic(after, node.output[0], weight.shape[axis], rank, graph)
    if arithmetic is None:
        return None
    factor, shift = arithmetic
    bias = graph.constant(node.input[2]).astype(np.float64) if len(node.input) > 2 else 0.0
    along = [1] * weight.ndim
    along[axis] = -1
    with np.errstate(invalid="ignore", over="ignore"):  # refused as weights, too
        weight = (weight * factor.reshape(along)).astype(np.float32)
        bias = (bias * factor + shift).astype(np.float32)
    if (factor != 1.0).any():
        node.input[1] = add_constant(graph.model, f"{node.input[1]}_folded", weight)
    bias_name = add_constant(graph.model, f"{node.name}_bias", bias)
    node.input[2:] = [bias_name]
    node.output[0] = after.output[0]
    return follower


def _output_channel_axis(node: NodeProto, graph: Graph) -> int | None:
    if len(node.input) < 2 or not all(node.input) or not all(map(graph.is_float, node.input)):
        return None
    if not all(map(graph.is_constant, node.input[1:])) or graph.is_constant(node.input[0]):
        return None
    if node.op_type == "Conv":
        return 0
    if node.op_type == "ConvTranspose" and attribute(node, "group", 1) == 1:
        return 1
    plain_gemm = (
        node.op_type == "Gemm"
        and attribute(node, "transB", 0) == 1
        and attribute(node, "alpha", 1.0) == attribute(node, "beta", 1.0) == 1.0
        and (len(node.input) < 3 or len(graph.shape(node.input[2]) or ()) == 1)
    )
    return 0 if plain_gemm else None


def _channel_arithmetic(
    node: NodeProto, data: str, channels: int, rank: int, graph: Graph
) -> tuple[Floats, Floats] | None:
    ones, zeros = np.ones(channels), np.zeros(channels)
    if node.op_type == "BatchNormalization":
        return _batch_normalization(node, graph)
    if node.op_type not in _ARITHMETIC or node.input[0] != data:
        return None
    value = _per_channel(node.input[1], channels, rank, graph)
    if value is None or (node.op_type == "Div" and not value.all()):
        return None
    if node.op_type in ("Mul", "Div"):
        return value if node.op_type == "Mul" else 1.0 / value, zeros
    return ones, value if node.op_type == "Add" else -value


def _per_channel(name: str, channels: int, rank: int, graph: Graph) -> Floats | None:
    if not graph.is_constant(name):
        return None
    value = graph.constant(name).astype(np.float64)
    if value.ndim > rank:
        return None
    shape = [1] * (rank - value.ndim) + list(value.shape)
    if value.size not in (1, channels) or shape[1] != value.size:
        return None
    return np.broadcast_to(value.reshape(-1), (channels,)).copy()


def _batch_normalization(node: NodeProto, graph: Graph) -> tuple[Floats, Floats] | None:
    if not all(map(graph.is_constant, node.input[1:5])):
        return None
    if attribute(node, "training_mode", 0) or any(node.output[1:]):
        return None
    scale, shift, mean, variance = (
        graph.constant(name).astype(np.float64) for name in node.input[1:5]
    )
    # What comes of a variance below zero is refused as the weights that it ends up in.
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        factor = scale / np.sqrt(variance + attribute(node, "epsilon", 1e-5))
        return factor, shift - mean * factor


@of_each_node
def batch_norm_to_conv(node: NodeProto, graph: Graph) -> bool:
    """Write a BatchNormalization that no layer took in as a depthwise 1x1 Conv."""
    shape = graph.shape(node.input[0]) if node.op_type == "BatchNormalization" else None
    arithmetic = _batch_normalization(node, graph) if shape and len(shape) > 2 else None
    if arithmetic is None or shape is None or not graph.is_float(node.input[0]):
        return False
    factor, shift = (part.astype(np.float32) for part in arithmetic)
    kernel = [1] * (len(shape) - 2)
    weight = add_constant(graph.model, f"{node.name}_weight", factor.reshape(-1, 1, *kernel))
    bias = add_constant(graph.model, f"{node.name}_bias", shift)
    set_node(node, "Conv", [node.input[0], weight, bias], group=shape[1], kernel_shape=kernel)
    return True
