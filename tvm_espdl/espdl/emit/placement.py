"""ScatterND and ReverseSequence: their indices are constants of 64 bits."""

from __future__ import annotations

import numpy as np

from ...ops.reverse_sequence import ReverseSequence
from ...ops.scatter_nd import ScatterNd
from ..step_view import Emitters, StepView


def scatter_nd(step: StepView) -> None:
    """Data, indices, updates."""
    operator: ScatterNd = step.operator
    indices = step.constant("indices", step.constants[0].astype(np.int64), shared=True)
    inputs = [step.operand(0), indices, step.operand(1)]
    step.node("ScatterND", inputs, {"reduction": operator.reduction})


def reverse_sequence(step: StepView) -> None:
    """Data and lengths."""
    operator: ReverseSequence = step.operator
    lengths = step.constant("lengths", step.constants[0].astype(np.int64), shared=True)
    settings = {"batch_axis": operator.batch_axis, "time_axis": operator.time_axis}
    step.node("ReverseSequence", [step.operand(0), lengths], settings)


EMITTERS: Emitters = {ReverseSequence: reverse_sequence, ScatterNd: scatter_nd}
