"""Rewrites that bring matrix products with constant weights to one form: Gemm, x·Wᵀ + bias.

Must never change what the network computes beyond float rounding; changes its model in place.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, helper

from ..onnx_graphs.graph import Graph, attribute, input_of
from ..onnx_graphs.rewriting import add_constant, of_each_node, replace_nodes

Floats = npt.NDArray[np.float64]


def matmul_to_gemm(model: ModelProto) -> int:
    """Write MatMul with a constant matrix, and the Add of a bias after it, as one Gemm.

    Only for inputs with two dimensions, which is what Gemm takes.
    """
    graph = Graph(model)
    kept: list[NodeProto] = []
    dropped: set[int] = set()
    written = 0
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
        written += 1
    replace_nodes(model, kept)
    return written


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


@of_each_node
def normalize_gemm(node: NodeProto, graph: Graph) -> bool:
    """Write Gemm with constant weights as x·Wᵀ + bias: transB = 1, factors folded, bias (N,)."""
    if node.op_type != "Gemm":
        return False
    if not all(map(graph.is_constant, filter(None, node.input[1:]))):
        return False
    if attribute(node, "transA", 0) or not graph.is_float(node.input[0]):
        return False
    weight = graph.constant(node.input[1]).astype(np.float64)
    weight = weight if attribute(node, "transB", 0) else weight.T
    weight = weight * attribute(node, "alpha", 1.0)
    bias = _gemm_bias(node, graph, weight.shape[0])
    if bias is None and input_of(node, 2):
        return False
    before = node.SerializeToString()
    if not attribute(node, "transB", 0) or attribute(node, "alpha", 1.0) != 1.0:
        name = f"{node.input[1]}_transposed"
        node.input[1] = add_constant(graph.model, name, weight.astype(np.float32))
    if bias is not None and (
        bias.shape != graph.shape(node.input[2]) or attribute(node, "beta", 1.0) != 1.0
    ):
        node.input[2] = add_constant(
            graph.model, f"{node.input[2]}_vector", bias.astype(np.float32)
        )
    del node.attribute[:]
    node.attribute.append(helper.make_attribute("transB", 1))
    return bool(node.SerializeToString() != before)


def _gemm_bias(node: NodeProto, graph: Graph, size: int) -> Floats | None:
    if not input_of(node, 2):
        return None
    bias = graph.constant(node.input[2]).astype(np.float64) * attribute(node, "beta", 1.0)
    if bias.ndim > 1 and int(np.prod(bias.shape[:-1])) != 1:
        return None  # one bias per row, not per output channel
    return np.broadcast_to(bias.reshape(-1), (size,)).copy()
