"""Recognises Softmax that an exporter has spelled out by Exp and a sum.

Must never change what is computed beyond float rounding; changes the model it is given in place.
"""

from __future__ import annotations

from onnx import NodeProto

from ..onnx_graphs.graph import STANDARD, Graph
from ..onnx_graphs.rewriting import of_each_node, set_node
from .layer_norms import reduced_axes, viewed


@of_each_node
def softmax(node: NodeProto, graph: Graph) -> bool:
    """Write `exp(x - c) / sum(exp(x - c))` along one axis, whatever c is, as Softmax."""
    if node.op_type != "Div" or node.domain not in STANDARD:
        return False
    powers, sums = graph.maker(node.input[0]), graph.maker(viewed(node.input[1], graph))
    if powers is None or powers.op_type != "Exp" or sums is None or sums.op_type != "ReduceSum":
        return False
    axes, shape = reduced_axes(sums, graph), graph.shape(node.input[0])
    if sums.input[0] != node.input[0] or axes is None or len(axes) != 1 or shape is None:
        return False
    (axis,) = axes
    if graph.shape(node.input[1]) != (*shape[:axis], 1, *shape[axis + 1 :]):
        return False
    set_node(node, "Softmax", [_without_shift(powers.input[0], axis, graph)], axis=axis)
    return True


def _without_shift(name: str, axis: int, graph: Graph) -> str:
    """What something was subtracted from that is the same along the axis: it cancels out."""
    node = graph.maker(name)
    if node is None or node.op_type != "Sub":
        return name
    shape, shift = graph.shape(node.input[0]), graph.shape(node.input[1])
    if shape is None or shift is None or shape != graph.shape(name):
        return name
    extents = (*[1] * (len(shape) - len(shift)), *shift)
    return node.input[0] if extents[axis] == 1 else name
