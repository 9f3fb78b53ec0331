"""Comparisons with a result of type bool, powers and remainders."""

from __future__ import annotations

from ...ops.equal import Equal
from ...ops.greater import Greater
from ...ops.greater_equal import GreaterEqual
from ...ops.less import Less
from ...ops.less_equal import LessEqual
from ...ops.mod import Mod
from ...ops.pow import Pow
from ..step_view import Emitters, StepView

KINDS = {
    Equal: "Equal",
    Greater: "Greater",
    GreaterEqual: "GreaterOrEqual",
    Less: "Less",
    LessEqual: "LessOrEqual",
    Pow: "Pow",
}


def comparison(step: StepView) -> None:
    """An operator of two tensors and nothing else."""
    step.node(KINDS[type(step.operator)], [step.operand(0), step.operand(1)])


def mod(step: StepView) -> None:
    """The remainder has the dividend's sign."""
    step.node("Mod", [step.operand(0), step.operand(1)], {"fmod": 1})


EMITTERS: Emitters = {**dict.fromkeys(KINDS, comparison), Mod: mod}
