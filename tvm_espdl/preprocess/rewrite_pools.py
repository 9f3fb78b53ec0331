"""Rewrites of averages: a mean over height and width as pooling, pooling as a convolution.

Must never change what the network computes beyond float rounding; changes its model in place.
"""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, NodeProto, helper

from ..onnx_graphs.graph import Graph, attribute
from ..onnx_graphs.rewriting import add_constant, fresh_name, replace_nodes, set_node

_KEEPING_AXES = {
    "Add", "BatchNormalization", "Clip", "Elu", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu",
    "Mul", "PRelu", "Relu", "Sigmoid", "Sub", "Swish", "Tanh",
}  # fmt: skip


def mean_to_pool(model: ModelProto) -> int:
    """Write ReduceMean over all axes behind the channels as GlobalAveragePool.

    Where there is one such axis only, a convolution has to come before: in a sequence of vectors,
    whose mean over its last axis belongs to a layer normalization, it is no room to pool over.
    """
    graph = Graph(model)
    nodes: list[NodeProto] = []
    written = 0
    for node in graph.nodes:
        nodes.append(node)
        if not _is_spatial_mean(node, graph):
            continue
        written += 1
        output = node.output[0]
        keeps = attribute(node, "keepdims", 1)
        set_node(node, "GlobalAveragePool", [node.input[0]])
        if not keeps:
            node.output[0] = fresh_name(model, f"{output}_pooled")
            flatten = helper.make_node(
                "Flatten", [node.output[0]], [output], name=f"{node.name}_flatten", axis=1
            )
            nodes.append(flatten)
    if written:
        replace_nodes(model, nodes)
    return written


def _is_spatial_mean(node: NodeProto, graph: Graph) -> bool:
    shape = graph.shape(node.input[0]) if node.op_type == "ReduceMean" else None
    if shape is None or len(shape) < 3 or not graph.is_float(node.input[0]):
        return False
    axes = attribute(node, "axes", None)
    if len(node.input) > 1 and node.input[1]:
        axes = graph.constant(node.input[1]) if graph.is_constant(node.input[1]) else None
    if axes is None:
        return False
    spatial = sorted(int(axis) % len(shape) for axis in axes) == list(range(2, len(shape)))
    return spatial and (len(shape) > 3 or _comes_from_conv(node.input[0], graph))


def _comes_from_conv(tensor: str, graph: Graph) -> bool:
    """Whether the axis behind the batch holds channels: of three, it may as well hold steps."""
    while (index := graph.producer(tensor)) is not None:
        node = graph.nodes[index]
        if node.op_type in ("Conv", "ConvTranspose", "AveragePool", "MaxPool"):
            return True
        if node.op_type not in _KEEPING_AXES:
            return False
        tensor = node.input[0]
    return False


def average_pool_to_conv(model: ModelProto) -> int:
    """Write AveragePool as a depthwise Conv whose weights are all 1 / (height * width)."""
    graph = Graph(model)
    written = 0
    for node in model.graph.node:
        shape = graph.shape(node.input[0]) if node.op_type == "AveragePool" else None
        if shape is None or not _is_plain_average(node) or not graph.is_float(node.input[0]):
            continue
        kernel = list(attribute(node, "kernel_shape", []))
        size = int(np.prod(kernel))
        weight = np.full((shape[1], 1, *kernel), 1.0 / size, dtype=np.float32)
        kept = {
            name: attribute(node, name, None)
            for name in ("strides", "pads", "dilations")
            if attribute(node, name, None) is not None
        }
        name = add_constant(model, f"{node.name}_weight", weight)
        set_node(node, "Conv", [node.input[0], name], group=shape[1], kernel_shape=kernel, **kept)
        written += 1
    return written


def _is_plain_average(node: NodeProto) -> bool:
    # Padding that is not counted would need other weights at the edges.
    padded = any(attribute(node, "pads", [])) and not attribute(node, "count_include_pad", 0)
    automatic = attribute(node, "auto_pad", b"NOTSET") != b"NOTSET"
    return not padded and not automatic and not attribute(node, "ceil_mode", 0)
