"""RMSNormalization, whose scale is a float constant, and LpNormalization."""

from __future__ import annotations

from ...ops.lp_norm import LpNorm
from ...ops.rms_norm import RmsNorm
from ..step_view import Emitters, StepView


def rms_norm(step: StepView) -> None:
    """Data and the factors of a vector."""
    operator: RmsNorm = step.operator
    scale = step.constant("scale", step.constants[0], shared=True)
    settings = {"axis": operator.axis, "epsilon": float(operator.epsilon)}
    step.node("RMSNormalization", [step.operand(0), scale], settings)


def lp_norm(step: StepView) -> None:
    """Data alone."""
    operator: LpNorm = step.operator
    settings = {"axis": operator.axis, "p": operator.p}
    step.node("LpNormalization", [step.operand(0)], settings)


EMITTERS: Emitters = {LpNorm: lp_norm, RmsNorm: rms_norm}
