"""The report as JSON: the report's own fields, the same keys for every network.

It arranges what the report says and adds nothing to it. Undefined figures are null, never NaN.
"""

from __future__ import annotations

import dataclasses

from ...report.text import json_text
from ..advice.advice import Advice
from .accuracy import Accuracy
from .deviation import Deviation
from .rows import QuantizationFigures, StepRow, TensorRow

Entry = dict[str, object]


def as_json(report: QuantizationFigures) -> str:
    """JSON text; the same report gives the same text."""
    return json_text(
        {
            "chip": report.chip,
            "activations": report.method,
            **_fields(report, "weights", "samples"),
            "accuracy": _accuracy(report.accuracy),
            **_fields(report, "network", "unmeasured"),
            "steps": [_step(step) for step in report.steps],
            "worst": [row.name for row in report.worst],
            "tradeoff": None if report.tradeoff is None else dataclasses.asdict(report.tradeoff),
            "footprint": report.footprint and _fields(report.footprint, "constants", "arena"),
            "loss": None if report.loss is None else dataclasses.asdict(report.loss),
            **_fields(report, "notes", "warnings"),
            "advice": [_advice(one) for one in report.advice],
            "tensors": [_tensor(row) for row in report.rows],
            "left_float": [
                _fields(left, "name", "operator", "reason") for left in report.left_float
            ],
        }
    )


def _fields(thing: object, *names: str) -> Entry:
    return {name: getattr(thing, name) for name in names}


def _accuracy(accuracy: Accuracy | None) -> Entry | None:
    if accuracy is None:
        return None
    return {
        **_fields(accuracy, "samples", "in_sample", "snr"),
        "outputs": [
            {
                "name": output.name,
                "deviation": _deviation(output.deviation),
                **_fields(output, "equal", "top1", "correct", "float_correct"),
            }
            for output in accuracy.outputs
        ],
    }


def _advice(advice: Advice) -> Entry:
    mend = advice.mend
    told = None if mend is None else {**_fields(mend, "options", "gain", "time"), "line": mend.line}
    return {**_fields(advice, "layer", "cost", "cause"), "mend": told}


def _step(step: StepRow) -> Entry:
    told = _fields(step, "step", "applied", "judged", "judged_gain", "gain")
    return {**told, "accuracy": _accuracy(step.accuracy)}


def _deviation(found: Deviation | None) -> Entry | None:
    return None if found is None else _fields(found, "snr", "state", "mean", "largest")


def _tensor(row: TensorRow) -> Entry:
    return {
        **_fields(row, "name", "role", "bits", "exponents", "low", "high", "saturates"),
        **_fields(row, "clipped", "clipped_at_most"),
        "cumulative": _deviation(row.cumulative),
        "own": _deviation(row.own),
        "histogram": row.bars and _fields(row.bars, "reach", "counts", "zeros"),
    }
