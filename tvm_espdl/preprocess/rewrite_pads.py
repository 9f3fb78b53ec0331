"""Rewrites a Pad with zeros before a Conv as the padding of that Conv.

Must never touch a padding that a Conv cannot express; changes the model it is given in place.
"""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, NodeProto, helper

from ..onnx_graphs.graph import Graph, attribute
from ..onnx_graphs.rewriting import scalar


def fuse_pads(model: ModelProto) -> int:
    """Let a Conv do the padding with zeros of a Pad that it alone reads."""
    graph = Graph(model)
    fused = 0
    for node in model.graph.node:
        before = graph.producer(node.input[0]) if node.op_type == "Conv" else None
        if before is None or graph.only_consumer(node.input[0]) is None:
            continue
        pads = _zeros_around(graph.nodes[before], graph)
        if pads is None or not _takes_pads(node, graph):
            continue
        own = attribute(node, "pads", [0] * len(pads))
        node.input[0] = graph.nodes[before].input[0]
        for place in reversed(range(len(node.attribute))):
            if node.attribute[place].name in ("pads", "auto_pad"):
                del node.attribute[place]
        total = [a + b for a, b in zip(own, pads, strict=True)]
        node.attribute.append(helper.make_attribute("pads", total))
        fused += 1
        graph = Graph(model)
    return fused


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
    if len(node.input) > 2 and node.input[2] and scalar(node.input[2], graph) != 0.0:
        return None
    rank = len(shape)
    pads = np.zeros((2, rank), dtype=np.int64)
    axes = list(range(rank))
    if len(node.input) > 3 and node.input[3]:
        axes = [int(axis) % rank for axis in graph.constant(node.input[3])]
    pads[:, axes] = graph.constant(node.input[1]).reshape(2, -1)
    usable = (pads >= 0).all() and not pads[:, :2].any()
    return [int(p) for p in pads[:, 2:].reshape(-1)] if usable else None
