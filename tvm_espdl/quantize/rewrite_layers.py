"""Rewrites that bring layers to one form: Gemm for matrix products, folded per-channel arithmetic.

Must never change what the network computes beyond float rounding; changes its model in place.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, helper

from .graph import Graph, attribute
from .rewrite_constants import add_constant, replace_nodes

Floats = npt.NDArray[np.float64]


def remove_identities(model: ModelProto) -> None:
    """Remove Identity, and Dropout, which does nothing at inference."""
    while True:
        graph = Graph(model)
        index = next((i for i in range(len(graph.nodes)) if _is_idle(i, graph)), None)
        if index is None:
            return
        source, target = graph.nodes[index].input[0], graph.nodes[index].output[0]
        if target in graph.visible:
            maker = graph.nodes[graph.producer(source) or 0]
            maker.output[list(maker.output).index(source)] = target
        else:
            for reader in graph.consumers(target):
                names = [source if name == target else name for name in graph.nodes[reader].input]
                del graph.nodes[reader].input[:]
                graph.nodes[reader].input.extend(names)
        del model.graph.node[index]


def _is_idle(index: int, graph: Graph) -> bool:
    node = graph.nodes[index]
    if node.op_type not in ("Identity", "Dropout"):
        return False
    if any(graph.consumers(mask) or mask in graph.visible for mask in node.output[1:]):
        return False
    # A tensor seen from outside keeps its name: the node before has to be free to take it over.
    source = node.input[0]
    free = graph.producer(source) is not None and graph.only_consumer(source) == index
    return node.output[0] not in graph.visible or free


def constants_second(model: ModelProto) -> None:
    """Write `constant + x` and `constant * x` with the constant as the second operand."""
    graph = Graph(model)
    for node in model.graph.node:
        if node.op_type in ("Add", "Mul") and graph.is_constant(node.input[0]):
            node.input[0], node.input[1] = node.input[1], node.input[0]


def matmul_add_to_gemm(model: ModelProto) -> None:
    """Write MatMul with a constant matrix, and the Add of a bias after it, as one Gemm.

    Only for inputs with two dimensions, which is what Gemm takes.
    """
    graph = Graph(model)
    kept: list[NodeProto] = []
    dropped: set[int] = set()
    for index, node in enumerate(graph.nodes):
        if index in dropped:
            continue
        if not _is_dense(node, graph):
            kept.append(node)
            continue
        size = (graph.shape(node.input[1]) or ())[1]
        follower = graph.only_consumer(node.output[0])
        inputs, output, name = list(node.input), node.output[0], node.name
        if follower is not None and _is_bias_add(graph.nodes[follower], graph, size):
            add = graph.nodes[follower]
            dropped.add(follower)
            inputs, output = [*inputs, add.input[1]], add.output[0]
        kept.append(helper.make_node("Gemm", inputs, [output], name=name))
    replace_nodes(model, kept)


def _is_dense(node: NodeProto, graph: Graph) -> bool:
    if node.op_type != "MatMul" or not graph.is_constant(node.input[1]):
        return False
    left, right = graph.shape(node.input[0]), graph.shape(node.input[1])
    return (
        left is not None
        and right is not None
        and len(left) == len(right) == 2
        and all(graph.is_float(name) for name in node.input)
        and not graph.is_constant(node.input[0])
    )


def _is_bias_add(node: NodeProto, graph: Graph, size: int) -> bool:
    return (
        node.op_type == "Add"
        and graph.is_constant(node.input[1])
        and graph.shape(node.input[1]) in ((size,), (1, size))
    )


def normalize_gemm(model: ModelProto) -> None:
    """Write Gemm with constant weights as x·Wᵀ + bias: transB = 1, factors folded, bias (N,)."""
    graph = Graph(model)
    for node in model.graph.node:
        constants = node.op_type == "Gemm" and all(map(graph.is_constant, node.input[1:]))
        if not constants or attribute(node, "transA", 0) or not graph.is_float(node.input[0]):
            continue
        weight = graph.constant(node.input[1]).astype(np.float64)
        weight = weight if attribute(node, "transB", 0) else weight.T
        weight = weight * attribute(node, "alpha", 1.0)
        bias = _gemm_bias(node, graph, weight.shape[0])
        if bias is None and len(node.input) > 2 and node.input[2]:
            continue
        plain = bool(attribute(node, "transB", 0)) and attribute(node, "alpha", 1.0) == 1.0
        if not plain:
            name = f"{node.input[1]}_transposed"
            node.input[1] = add_constant(model, name, weight.astype(np.float32))
        if bias is not None and (
            bias.shape != graph.shape(node.input[2]) or attribute(node, "beta", 1.0) != 1.0
        ):
            node.input[2] = add_constant(model, f"{node.input[2]}_vector", bias.astype(np.float32))
        del node.attribute[:]
        node.attribute.append(helper.make_attribute("transB", 1))


def _gemm_bias(node: NodeProto, graph: Graph, size: int) -> Floats | None:
    if len(node.input) < 3 or not node.input[2]:
        return None
    bias = graph.constant(node.input[2]).astype(np.float64) * attribute(node, "beta", 1.0)
    if bias.ndim > 1 and int(np.prod(bias.shape[:-1])) != 1:
        return None  # one bias per row, not per output channel
    return np.broadcast_to(bias.reshape(-1), (size,)).copy()


def fold_channel_arithmetic(model: ModelProto) -> None:
    """Fold BatchNormalization and per-channel constant Mul, Add, Sub into the layer before them."""
    folded = True
    while folded:
        graph = Graph(model)
        folded = any(_fold_after(index, graph, model) for index in range(len(graph.nodes)))


def _fold_after(index: int, graph: Graph, model: ModelProto) -> bool:
    node = graph.nodes[index]
    axis = _output_channel_axis(node, graph)
    follower = graph.only_consumer(node.output[0]) if axis is not None else None
    if axis is None or follower is None:
        return False
    after = graph.nodes[follower]
    weight = graph.constant(node.input[1]).astype(np.float64)
    rank = 2 if node.op_type == "Gemm" else weight.ndim
    arithmetic = _channel_arithmetic(after, node.output[0], weight.shape[axis], rank, graph)
    if arithmetic is None:
        return False
    factor, shift = arithmetic
    bias = graph.constant(node.input[2]).astype(np.float64) if len(node.input) > 2 else 0.0
    along = [1] * weight.ndim
    along[axis] = -1
    weight, bias = weight * factor.reshape(along), bias * factor + shift
    if (factor != 1.0).any():
        base = f"{node.input[1]}_folded"
        node.input[1] = add_constant(model, base, weight.astype(np.float32))
    bias_name = add_constant(model, f"{node.name}_bias", bias.astype(np.float32))
    inputs = [*node.input[:2], bias_name]
    del node.input[:]
    node.input.extend(inputs)
    node.output[0] = after.output[0]
    replace_nodes(model, [n for i, n in enumerate(graph.nodes) if i != follower])
    return True


def _output_channel_axis(node: NodeProto, graph: Graph) -> int | None:
    if not all(node.input) or not all(graph.is_float(name) for name in node.input):
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
    if node.op_type not in ("Mul", "Add", "Sub") or node.input[0] != data:
        return None
    value = _per_channel(node.input[1], channels, rank, graph)
    if value is None:
        return None
    if node.op_type == "Mul":
        return value, zeros
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
    factor = scale / np.sqrt(variance + attribute(node, "epsilon", 1e-5))
    return factor, shift - mean * factor


def batch_normalization_to_conv(model: ModelProto) -> None:
    """Write a BatchNormalization that no layer took in as a depthwise 1x1 Conv."""
    graph = Graph(model)
    nodes = []
    for node in graph.nodes:
        shape = graph.shape(node.input[0]) if node.op_type == "BatchNormalization" else None
        arithmetic = _batch_normalization(node, graph) if shape and len(shape) > 2 else None
        if arithmetic is None or shape is None or not graph.is_float(node.input[0]):
            nodes.append(node)
            continue
        factor, shift = (part.astype(np.float32) for part in arithmetic)
        weight = factor.reshape((-1, 1) + (1,) * (len(shape) - 2))
        names = [
            add_constant(model, f"{node.name}_weight", weight),
            add_constant(model, f"{node.name}_bias", shift),
        ]
        nodes.append(
            helper.make_node(
                "Conv",
                [node.input[0], *names],
                [node.output[0]],
                name=node.name,
                group=shape[1],
                kernel_shape=[1] * (len(shape) - 2),
            )
        )
    replace_nodes(model, nodes)
