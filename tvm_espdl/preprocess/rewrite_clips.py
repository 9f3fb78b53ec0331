"""Rewrites chains of Relu, Clip, Min and Max with constants as one Clip or Relu.

Must never change a value; changes the model it is given in place.
"""

from __future__ import annotations

import math

import numpy as np
from onnx import ModelProto, NodeProto

from ..onnx_graphs.graph import Graph
from ..onnx_graphs.rewriting import add_constant, scalar, set_node

Limits = tuple[str, float, float]


def merge_clips(model: ModelProto) -> int:
    """Make one Clip or Relu of two that follow each other; Min and Max with a constant count."""
    merged, graph = 0, Graph(model)
    for node in model.graph.node:
        outer = _limits(node, graph)
        if outer is None:
            continue
        source, low, high = outer
        before = graph.producer(source)
        alone = before is not None and len(graph.consumers(source)) == 1
        inner = _limits(graph.nodes[before], graph) if alone and before is not None else None
        if inner is not None and source not in graph.visible:
            # min(max(x, a), b), then limited again, is x limited by the limits of the limits.
            source = inner[0]
            low, high = (min(max(limit, low), high) for limit in inner[1:])
        elif node.op_type in ("Relu", "Clip"):
            continue
        _write(node, source, low, high, model)
        merged += 1
        graph = Graph(model)
    return merged


def _limits(node: NodeProto, graph: Graph) -> Limits | None:
    """The operand of a node that limits it, and both limits."""
    if node.domain not in ("", "ai.onnx") or not graph.is_float(node.output[0]):
        return None
    found = None
    if node.op_type == "Relu":
        found = node.input[0], 0.0, math.inf
    elif node.op_type == "Clip":
        found = _limits_of_clip(node, graph)
    elif node.op_type in ("Min", "Max") and len(node.input) == 2:
        for place in (0, 1):
            value, other = scalar(node.input[place], graph), node.input[1 - place]
            if value is not None and graph.shape(other) == graph.shape(node.output[0]):
                limits = (-math.inf, value) if node.op_type == "Min" else (value, math.inf)
                found = other, *limits
    usable = found is not None and found[1] <= found[2] and not graph.is_constant(found[0])
    return found if usable else None


def _limits_of_clip(node: NodeProto, graph: Graph) -> Limits | None:
    limits = [-math.inf, math.inf]
    for place, name in enumerate(node.input[1:3]):
        value = scalar(name, graph) if name else limits[place]
        if value is None:
            return None
        limits[place] = value
    return node.input[0], limits[0], limits[1]


def _write(node: NodeProto, source: str, low: float, high: float, model: ModelProto) -> None:
    if (low, high) == (0.0, math.inf):
        set_node(node, "Relu", [source])
        return
    names = [
        "" if math.isinf(value) else add_constant(model, f"{node.name}_{kind}", np.float32(value))
        for kind, value in (("min", low), ("max", high))
    ]
    set_node(node, "Clip", [source, *names] if names[1] else [source, *names[:1]])
