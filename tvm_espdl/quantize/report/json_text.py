"""The report as JSON: the report's own fields, the same keys for every network.

It arranges what the report says and adds nothing to it. Undefined figures are null, never NaN.
"""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

from .accuracy import Accuracy
from .deviation import Deviation
from .quantization_report import QuantizationReport
from .rows import StepRow, TensorRow


def as_json(report: QuantizationReport) -> str:
    """JSON text; the same report gives the same text, times apart."""
    content = {
        "chip": report.chip,
        "activations": report.method,
        "weights": report.weights,
        "samples": report.samples,
        "accuracy": _accuracy(report.accuracy),
        "unmeasured": report.unmeasured,
        "steps": [_step(step) for step in report.steps],
        "worst": [row.name for row in report.worst],
        "tradeoff": None if report.tradeoff is None else dataclasses.asdict(report.tradeoff),
        "loss": None if report.loss is None else dataclasses.asdict(report.loss),
        "notes": list(report.notes),
        "warnings": list(report.warnings),
        "seconds": dict(report.seconds),
        "tensors": [_tensor(row) for row in report.rows],
        "left_float": [
            {"name": left.name, "operator": left.operator, "reason": left.reason}
            for left in report.left_float
        ],
    }
    return json.dumps(_defined(content), indent=2, allow_nan=False) + "\n"


def _defined(content: Any) -> Any:
    """The content with null for every number that is not finite."""
    if isinstance(content, dict):
        return {key: _defined(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_defined(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def _accuracy(accuracy: Accuracy | None) -> dict[str, Any] | None:
    if accuracy is None:
        return None
    return {
        "samples": accuracy.samples,
        "in_sample": accuracy.in_sample,
        "snr": accuracy.snr,
        "outputs": [
            {
                "name": output.name,
                "deviation": _deviation(output.deviation),
                "equal": output.equal,
                "top1": output.top1,
                "correct": output.correct,
                "float_correct": output.float_correct,
            }
            for output in accuracy.outputs
        ],
    }


def _step(step: StepRow) -> dict[str, Any]:
    return {
        "step": step.step,
        "applied": step.applied,
        "gain": step.gain,
        "accuracy": _accuracy(step.accuracy),
    }


def _deviation(deviation: Deviation | None) -> dict[str, Any] | None:
    if deviation is None:
        return None
    return {
        "snr": deviation.snr,
        "state": deviation.state,
        "mean": deviation.mean,
        "largest": deviation.largest,
    }


def _tensor(row: TensorRow) -> dict[str, Any]:
    bars = row.bars
    return {
        "name": row.name,
        "role": row.role,
        "bits": row.bits,
        "exponents": list(row.exponents),
        "low": row.low,
        "high": row.high,
        "saturates": row.saturates,
        "clipped": row.clipped,
        "clipped_at_most": row.clipped_at_most,
        "cumulative": _deviation(row.cumulative),
        "own": _deviation(row.own),
        "histogram": None
        if bars is None
        else {"reach": bars.reach, "counts": list(bars.counts), "zeros": bars.zeros},
    }
