"""RMSNormalization, whose scale is a float constant, and LpNormalization."""

from __future__ import annotations

from ...ops import Tensor
from ...ops.lp_norm import LpNorm
from ...ops.rms_norm import RmsNorm
from ..node_view import NodeView, Readers
from ..step_view import StepView, Writers, plain


def read_rms_norm(node: NodeView) -> None:
    """Data and the factors of a vector."""
    x, factors = node.tensor(), node.array(1)
    axis, epsilon = node.axis(-1, len(x.shape)), node.real("epsilon", 1e-5)
    y = node.typed(x.shape)
    scale = Tensor(str(factors.dtype), factors.shape)
    node.call(RmsNorm(x, y, scale, axis, epsilon), [node.operand(0)], [factors])


def write_rms_norm(step: StepView) -> None:
    """Its attributes are both written."""
    operator: RmsNorm = step.operator
    scale = step.constant("scale", step.constants[0], shared=True)
    settings = {"axis": operator.axis, "epsilon": float(operator.epsilon)}
    step.node("RMSNormalization", [step.operand(0), scale], settings)


def read_lp_norm(node: NodeView) -> None:
    """Any p but 1 is 2 to the chip."""
    x = node.tensor()
    axis, y = node.axis(-1, len(x.shape)), node.typed(x.shape)
    p = 1 if node.integer("p", 2) == 1 else 2
    node.call(LpNorm(x, y, axis, p), [node.operand(0)])


READERS: Readers = {"LpNormalization": read_lp_norm, "RMSNormalization": read_rms_norm}
WRITERS: Writers = {
    LpNorm.name: plain("LpNormalization", axis="axis", p="p"),
    RmsNorm.name: write_rms_norm,
}
