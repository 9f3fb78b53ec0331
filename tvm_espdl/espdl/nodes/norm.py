"""Nodes that divide by a norm: RMSNormalization and LpNormalization."""

from __future__ import annotations

from ...ops import Tensor
from ...ops.lp_norm import LpNorm
from ...ops.rms_norm import RmsNorm
from ..network import Call
from ..node_view import NodeView


def rms_norm(node: NodeView) -> list[Call]:
    """The scale is a float constant."""
    x, factors = node.tensor(), node.array(1)
    axis, epsilon = node.axis(-1, len(x.shape)), node.real("epsilon", 1e-5)
    y = node.typed(x.shape)
    scale = Tensor(str(factors.dtype), factors.shape)
    return [node.call(RmsNorm(x, y, scale, axis, epsilon), [node.operand(0)], [factors])]


def lp_norm(node: NodeView) -> list[Call]:
    """Any p but 1 is 2 to the chip."""
    x = node.tensor()
    axis, y = node.axis(-1, len(x.shape)), node.typed(x.shape)
    p = 1 if node.integer("p", 2) == 1 else 2
    return [node.call(LpNorm(x, y, axis, p), [node.operand(0)])]


TRANSLATORS = {"LpNormalization": lp_norm, "RMSNormalization": rms_norm}
