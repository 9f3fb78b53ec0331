"""Rewrites of filters that are larger than a chip's cache: convolutions of some channels each.

Must never change what the network computes; changes its model in place.
"""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, NodeProto, helper

from ..onnx_graphs.graph import Array, Graph, attribute, input_of
from ..onnx_graphs.rewriting import add_constant, fresh_name, replace_nodes

#: Bytes of a filter in int8 that stay in the data cache of every chip with vectors, and beside them
#: what a position reads: three quarters of 64 KB.
MOST_BYTES = 49_152
#: Output channels of a part are a multiple of it: whole vectors of int8.
LANES = 16
#: Functions of a channel by itself that layers compute on their way.
_ALONG = ("Relu",)


def part_filters(model: ModelProto) -> int:
    """Write a Conv whose filter is larger than the cache as several and a Concat.

    A Relu behind it goes with the parts, which compute it on their way.
    """
    written, graph = 0, Graph(model)
    nodes: list[NodeProto] = []
    gone: set[str] = set()
    for node in graph.nodes:
        if node.output[0] in gone:
            continue
        parts = _channels(node, graph)
        if len(parts) < 2:
            nodes.append(node)
            continue
        follower = _follower(node, graph)
        if follower is not None:
            gone.add(follower.output[0])
        nodes += _parted(node, follower, parts, graph)
        written += 1
    replace_nodes(model, nodes)
    return written


def _follower(node: NodeProto, graph: Graph) -> NodeProto | None:
    """What alone reads a layer's result, if the layer computes it on its way."""
    index = graph.only_consumer(node.output[0])
    if index is None or graph.nodes[index].op_type not in _ALONG:
        return None
    return graph.nodes[index]


def _channels(node: NodeProto, graph: Graph) -> list[slice]:
    """Output channels of each part, as even as whole vectors allow; one part where all may stay."""
    weight = _constant(node, 1, graph) if node.op_type == "Conv" else None
    has_bias = len(node.input) > 2 and bool(node.input[2])
    if weight is None or attribute(node, "group", 1) != 1 or weight.size <= MOST_BYTES:
        return []
    if has_bias and _constant(node, 2, graph) is None:
        return []
    blocks = -(-weight.shape[0] // LANES)
    most = MOST_BYTES // (LANES * weight[0].size)
    if not most:
        return []  # Not even one vector of channels would stay.
    count = -(-blocks // most)
    begins = [LANES * (blocks * number // count) for number in range(count)]
    return [slice(*ends) for ends in zip(begins, [*begins[1:], weight.shape[0]], strict=True)]


def _constant(node: NodeProto, place: int, graph: Graph) -> Array | None:
    name = input_of(node, place)
    return graph.constant(name) if name and graph.is_constant(name) else None


def _parted(
    node: NodeProto, follower: NodeProto | None, parts: list[slice], graph: Graph
) -> list[NodeProto]:
    model, result = graph.model, (follower or node).output[0]
    weight, bias = (_constant(node, place, graph) for place in (1, 2))
    nodes, names = [], []
    for number, channels in enumerate(parts):
        base = f"{node.output[0]}_part{number}"
        operands = [add_constant(model, f"{base}_weight", np.asarray(weight)[channels])]
        if bias is not None:
            operands.append(add_constant(model, f"{base}_bias", bias[channels]))
        part = NodeProto()
        part.CopyFrom(node)
        del part.input[:], part.output[:]
        part.name = f"{node.name}_part{number}" if node.name else ""
        part.input.extend([node.input[0], *operands])
        part.output.append(fresh_name(model, base))
        nodes.append(part)
        if follower is not None:
            along = fresh_name(model, f"{result}_part{number}")
            nodes.append(helper.make_node(follower.op_type, [part.output[0]], [along], along))
        names.append(nodes[-1].output[0])
    return [*nodes, helper.make_node("Concat", names, [result], f"{result}_parts", axis=1)]
