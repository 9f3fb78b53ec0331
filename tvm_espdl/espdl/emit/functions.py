"""Functions of one input that are no plain formula: clip, PReLU, softmax."""

from __future__ import annotations

import numpy as np

from ...ops.clip import Clip
from ...ops.log_softmax import LogSoftmax
from ...ops.prelu import Prelu
from ...ops.softmax import Softmax
from ..step_view import Emitters, StepView
from ..tables import table_setting


def clip(step: StepView) -> None:
    """Limits in the input's integers, and for int8 the table of both."""
    operator: Clip = step.operator
    dtype, exponent = operator.x.dtype, operator.x.exponent
    limits = [
        step.constant(what, np.array([limit], dtype), None, exponent)
        for what, limit in (("min", operator.low), ("max", operator.high))
    ]
    step.node("Clip", [step.operand(0), *limits], table_setting(step))


def prelu(step: StepView) -> None:
    """One factor per channel, `(channels, 1, 1)` whatever the data's layout."""
    factors = step.constants[0].ravel()
    alpha = step.constant("alpha", factors, (factors.size, 1, 1), step.operator.alpha.exponent)
    step.node("PRelu", [step.operand(0), alpha])


def softmax(step: StepView) -> None:
    """Integers in, floats out."""
    kind = "LogSoftmax" if isinstance(step.operator, LogSoftmax) else "Softmax"
    step.node(kind, [step.operand(0)], {"axis": step.operator.axis})


EMITTERS: Emitters = {
    Clip: clip,
    LogSoftmax: softmax,
    Prelu: prelu,
    Softmax: softmax,
}
