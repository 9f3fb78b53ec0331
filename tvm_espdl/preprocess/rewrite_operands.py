"""Rewrites of operands: constants second, and two of them, which the chip has kernels for.

Must never change a value; changes the model it is given in place.
"""

from __future__ import annotations

from onnx import ModelProto, NodeProto, helper

from ..onnx_graphs.graph import STANDARD, Graph
from ..onnx_graphs.rewriting import fresh_name, of_each_node, replace_nodes, set_node

_OF_TWO = {"Sum": "Add", "Max": "Max", "Min": "Min"}


@of_each_node
def constants_second(node: NodeProto, graph: Graph) -> bool:
    """Write `constant + x` and `constant * x` with the constant as the second operand."""
    first = node.op_type in ("Add", "Mul") and graph.is_constant(node.input[0])
    swaps = first and not graph.is_constant(node.input[1])
    if swaps:
        node.input[0], node.input[1] = node.input[1], node.input[0]
    return swaps


def pair_up(model: ModelProto) -> int:
    """Make Add, Max and Min of two, from left to right, of Sum, Max and Min of more."""
    changed, nodes, graph = 0, [], Graph(model)
    for node in model.graph.node:
        inputs = list(node.input)
        standard = node.domain in STANDARD and node.op_type in _OF_TWO
        if standard and len(inputs) > 2 and graph.is_float(node.output[0]):
            operator, sum_so_far = _OF_TWO[node.op_type], inputs[0]
            for place, name in enumerate(inputs[1:-1], 1):
                made = fresh_name(model, f"{node.output[0]}_of_{place + 1}")
                label = f"{node.name}_of_{place + 1}" if node.name else ""
                nodes.append(helper.make_node(operator, [sum_so_far, name], [made], name=label))
                sum_so_far = made
            set_node(node, operator, [sum_so_far, inputs[-1]])
            changed += 1
        nodes.append(node)
    replace_nodes(model, nodes)
    return changed
