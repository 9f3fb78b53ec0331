"""Counts the multiply-accumulates of quantized operators: the measure of how much there is to do.

Must never know of chips: what one of them costs is said elsewhere.
"""

from __future__ import annotations

import math

from ..onnx_graphs.graph import attribute
from .plan import Plan
from .recurrent import R, W, X

#: Seconds for a multiply-accumulate, and for rounding one element of a tensor.
_PRODUCT, _ELEMENT = 1.5e-10, 1e-8


def network_multiply_accumulates(plan: Plan) -> int:
    """Of all quantized operators, for one sample."""
    return sum(node_multiply_accumulates(plan, index) for index in plan.rules)


def simulation_seconds(plan: Plan) -> float:
    """About how long an ordinary PC takes to simulate one sample; never measured.

    What is tried within some time follows from it, so that it is the same on every machine.
    """
    read = sum(elements(plan, name) for name in plan.tensors())
    return network_multiply_accumulates(plan) * _PRODUCT + read * _ELEMENT


def node_multiply_accumulates(plan: Plan, index: int) -> int:
    """Of one quantized operator; 0 for those that are no sums of products."""
    graph, node = plan.graph, plan.graph.nodes[index]
    results = elements(plan, node.output[0])
    if node.op_type in ("Conv", "ConvTranspose"):
        weight = graph.shape(node.input[1]) or ()
        return results * channels_read(plan, index) * math.prod(weight[2:])
    if node.op_type in ("Gemm", "MatMul"):
        return results * (graph.shape(node.input[0]) or (1,))[-1]
    if node.op_type in ("GRU", "LSTM"):
        steps = elements(plan, node.input[X]) // (graph.shape(node.input[W]) or (1,))[-1]
        return steps * (elements(plan, node.input[W]) + elements(plan, node.input[R]))
    return 0


def channels_read(plan: Plan, index: int) -> int:
    """The input channels that one output channel of a convolution reads."""
    node = plan.graph.nodes[index]
    weight = plan.graph.shape(node.input[1]) or ()
    if node.op_type == "ConvTranspose":
        return int(weight[0]) // int(attribute(node, "group", 1))
    return int(weight[1])


def elements(plan: Plan, tensor: str) -> int:
    """Of a tensor; 1 where its shape is not known."""
    return math.prod(plan.graph.shape(tensor) or ())
