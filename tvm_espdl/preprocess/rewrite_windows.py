"""Rewrites of windows: a Pad as the padding of a Conv, a mean as pooling, pooling as a Conv.

Must never change what the network computes beyond float rounding, nor touch a padding that a Conv
cannot express; changes its model in place.
"""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, NodeProto, helper

from ..onnx_graphs.graph import Graph, attribute, input_of
from ..onnx_graphs.rewriting import (
    add_constant,
    fresh_name,
    of_each_node,
    replace_nodes,
    scalar,
    set_node,
)

_KEEPING_AXES = {
    "Add", "BatchNormalization", "Clip", "Elu", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu",
    "Mul", "PRelu", "Relu", "Sigmoid", "Sub", "Swish", "Tanh",
}  # fmt: skip


def mean_to_pool(model: ModelProto) -> int:
    """Write ReduceMean over all axes behind the channels as GlobalAveragePool.

    Where there is one such axis only, a convolution has to come before: in a sequence of vectors,
    whose mean over its last axis belongs to a layer normalization, it is no room to pool over.
    """
    written, graph = 0, Graph(model)
    nodes: list[NodeProto] = []
    for node in graph.nodes:
        nodes.append(node)
        if _is_spatial_mean(node, graph):
            output, keeps = node.output[0], attribute(node, "keepdims", 1)
            set_node(node, "GlobalAveragePool", [node.input[0]])
            if not keeps:
                pooled = node.output[0] = fresh_name(model, f"{output}_pooled")
                flat = f"{node.name}_flatten"
                nodes.append(helper.make_node("Flatten", [pooled], [output], name=flat, axis=1))
            written += 1
    if written:
        replace_nodes(model, nodes)
    return written


def _is_spatial_mean(node: NodeProto, graph: Graph) -> bool:
    shape = graph.shape(node.input[0]) if node.op_type == "ReduceMean" else None
    if shape is None or len(shape) < 3 or not graph.is_float(node.input[0]):
        return False
    axes = attribute(node, "axes", None)
    if input_of(node, 1):
        axes = graph.constant(node.input[1]) if graph.is_constant(node.input[1]) else None
    if axes is None:
        return False
    spatial = sorted(int(axis) % len(shape) for axis in axes) == list(range(2, len(shape)))
    return spatial and (len(shape) > 3 or _comes_from_conv(node.input[0], graph))


def _comes_from_conv(tensor: str, graph: Graph) -> bool:
    """Whether the axis behind the batch holds channels: of three, it may as well hold steps."""
    while (node := graph.maker(tensor)) is not None:
        if node.op_type in ("Conv", "ConvTranspose", "AveragePool", "MaxPool"):
            return True
        if node.op_type not in _KEEPING_AXES:
            return False
        tensor = node.input[0]
    return False


@of_each_node
def average_pool_to_conv(node: NodeProto, graph: Graph) -> bool:
    """Write AveragePool as a depthwise Conv whose weights are all 1 / (height * width)."""
    shape = graph.shape(node.input[0]) if node.op_type == "AveragePool" else None
    if shape is None or not _is_plain_average(node) or not graph.is_float(node.input[0]):
        return False
    kernel = list(attribute(node, "kernel_shape", []))
    weight = np.full((shape[1], 1, *kernel), 1.0 / int(np.prod(kernel)), dtype=np.float32)
    stated = {name: attribute(node, name, None) for name in ("strides", "pads", "dilations")}
    kept = {name: value for name, value in stated.items() if value is not None}
    name = add_constant(graph.model, f"{node.name}_weight", weight)
    set_node(node, "Conv", [node.input[0], name], group=shape[1], kernel_shape=kernel, **kept)
    return True


def _is_plain_average(node: NodeProto) -> bool:
    # Padding that is not counted would need other weights at the edges.
    padded = any(attribute(node, "pads", [])) and not attribute(node, "count_include_pad", 0)
    automatic = attribute(node, "auto_pad", b"NOTSET") != b"NOTSET"
    return not padded and not automatic and not attribute(node, "ceil_mode", 0)


@of_each_node
def fuse_pads(node: NodeProto, graph: Graph) -> bool:
    """Let a Conv do the padding with zeros of a Pad that it alone reads."""
    before = graph.maker(node.input[0]) if node.op_type == "Conv" else None
    if before is None or graph.only_consumer(node.input[0]) is None:
        return False
    pads = _zeros_around(before, graph)
    if pads is None or not _takes_pads(node, graph):
        return False
    own = attribute(node, "pads", [0] * len(pads))
    node.input[0] = before.input[0]
    for place in reversed(range(len(node.attribute))):
        if node.attribute[place].name in ("pads", "auto_pad"):
            del node.attribute[place]
    total = [a + b for a, b in zip(own, pads, strict=True)]
    node.attribute.append(helper.make_attribute("pads", total))
    return True


def _takes_pads(node: NodeProto, graph: Graph) -> bool:
    kernel = (graph.shape(node.input[1]) or ())[2:]
    # A kernel of one element needs no padding: ESP-DL's 1x1 convolution computes it wrongly.
    return attribute(node, "auto_pad", b"NOTSET") in (b"NOTSET", b"VALID") and any(
        size > 1 for size in kernel
    )


def _zeros_around(node: NodeProto, graph: Graph) -> list[int] | None:
    """What a Pad adds before and after each axis behind the channels, if that is all it does."""
    shape = graph.shape(node.input[0]) if node.op_type == "Pad" else None
    if shape is None or attribute(node, "mode", b"constant") != b"constant":
        return None
    if not all(map(graph.is_constant, filter(None, node.input[1:]))):
        return None
    if input_of(node, 2) and scalar(node.input[2], graph) != 0.0:
        return None
    rank = len(shape)
    pads = np.zeros((2, rank), dtype=np.int64)
    axes = list(range(rank))
    if input_of(node, 3):
        axes = [int(axis) % rank for axis in graph.constant(node.input[3])]
    pads[:, axes] = graph.constant(node.input[1]).reshape(2, -1)
    usable = (pads >= 0).all() and not pads[:, :2].any()
    return [int(p) for p in pads[:, 2:].reshape(-1)] if usable else None
