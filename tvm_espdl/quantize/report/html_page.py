"""The report as one self-contained HTML page, with a histogram of each activation.

It arranges what the report says and adds nothing to it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...report.page import Line, Page, Section
from .accuracy import Accuracy
from .drawing import histogram
from .rows import QuantizationFigures, TensorRow
from .text import agreement, head, measured, snr, span, step_lines


def as_html(report: QuantizationFigures) -> str:
    """The whole page."""
    sections = [
        *([] if report.accuracy is None else [_accuracy(report.accuracy)]),
        Section("Recovery of accuracy", items=step_lines(report)),
        Section(
            "Layers that hurt most (SNR of what the layer itself adds)",
            items=[f"{row.name}: {row.own} dB" for row in report.worst],
        ),
        Section("What loses accuracy, and what mends it", items=list(map(str, report.advice))),
        Section("Layers in int16", text=str(report.tradeoff or "")),
        Section("Requantization", text=str(report.loss or "")),
        Section("Notes", items=report.notes),
        Section("Warnings", items=report.warnings),
        _tensors(report.rows),
        Section(
            "Operators in float",
            items=[f"{left.operator} {left.name}: {left.reason}" for left in report.left_float],
        ),
    ]
    verdict = "; ".join(filter(None, (head(report), measured(report))))
    return Page(f"Quantization report for {report.chip}", verdict, sections).html()


def _accuracy(accuracy: Accuracy) -> Section:
    rows = []
    for output in accuracy.outputs:
        found = output.deviation
        errors = ("", "") if found is None else (f"{found.mean:.4g}", f"{found.largest:.4g}")
        rows.append(Line((output.name, snr(found), *errors, agreement(output, accuracy))))
    columns = ("output", "SNR in dB", "mean error", "largest error", "agreement")
    return Section("Outputs", columns, rows)


def _tensors(rows: Sequence[TensorRow]) -> Section:
    columns = (
        *("tensor", "role", "bits", "exponent", "min", "max", "clipped", "SNR in dB", "own SNR"),
        "values in calibration, and the integers' limits",
    )
    return Section("Tensors", columns, [_tensor(row) for row in rows])


def _tensor(row: TensorRow) -> Line:
    cells = (
        *(row.name, row.role, str(row.bits), span(row.exponents)),
        *(f"{row.low:.4g}", f"{row.high:.4g}", _clipped(row), snr(row.cumulative), snr(row.own)),
    )
    return Line((*cells, histogram(row)), row.saturates)


def _clipped(row: TensorRow) -> str:
    if row.clipped is None or row.clipped_at_most is None:
        return ""
    if row.clipped == row.clipped_at_most:
        return f"{row.clipped:.3%}"
    return f"{row.clipped:.3%} to {row.clipped_at_most:.3%}"
