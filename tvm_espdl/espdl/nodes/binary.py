"""Nodes with two broadcast inputs, either may be constant: Add, Sub, Mul, Div, Max, Min."""

from __future__ import annotations

import numpy as np

from ...ops import Tensor
from ...ops.add import Add
from ...ops.base.binary import Binary
from ...ops.div import Div
from ...ops.maximum import Maximum
from ...ops.minimum import Minimum
from ...ops.mul import Mul
from ...ops.sub import Sub
from ...program import Step
from ..node_view import NodeView

KINDS: dict[str, type[Binary]] = {
    "Add": Add,
    "Max": Maximum,
    "Min": Minimum,
    "Mul": Mul,
    "Sub": Sub,
}


def two_inputs(node: NodeView) -> tuple[Tensor, Tensor, Tensor]:
    """Types of both inputs and of the result, in the shape that both broadcast to."""
    a, b = node.tensor(0), node.tensor(1)
    if len(node.node.inputs) != 2:
        node.refuse("an operator of two inputs", f"{len(node.node.inputs)} inputs")
    return a, b, node.typed(np.broadcast_shapes(a.shape, b.shape))


def binary(node: NodeView) -> list[Step]:
    """An operator of two tensors."""
    a, b, y = two_inputs(node)
    operator: Binary
    if node.node.op_type == "Div":
        operator = Div(a, b, y, node.is_constant(0), node.is_constant(1))
    else:
        operator = KINDS[node.node.op_type](a, b, y)
    return [node.call(operator, [node.operand(0), node.operand(1)])]


TRANSLATORS = dict.fromkeys((*KINDS, "Div"), binary)
