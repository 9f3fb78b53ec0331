"""The report as one self-contained HTML page: no scripts, no other files.

It arranges what the report says and adds nothing to it; every name is escaped.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

from .accuracy import Accuracy
from .drawing import histogram
from .quantization_report import QuantizationReport
from .rows import TensorRow
from .text import accuracy_head, agreement, head, snr, span, step_line, time_line

_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Quantization report</title><style>
body { font: 15px/1.4 sans-serif; margin: 2em auto; max-width: 80em; padding: 0 1em; }
table, pre { display: block; overflow-x: auto; }
table { border-collapse: collapse; } td, th { border-bottom: 1px solid #ccc; padding: 2px 8px; }
th { text-align: left; } tr.saturates { background: #fff1d6; }
svg path { fill: #4a7ab5; } svg .limit { stroke: #c0392b; stroke-width: 1; }
</style></head><body>"""


def as_html(report: QuantizationReport) -> str:
    """The whole page."""
    parts = [
        _HEAD,
        f"<h1>Quantization report for {html.escape(report.chip)}</h1>",
        _paragraph(head(report)),
        _accuracy(report.accuracy) if report.accuracy is not None else "",
        _paragraph(f"accuracy not measured: {report.unmeasured}") if report.unmeasured else "",
        _list("Recovery of accuracy", [step_line(step) for step in report.steps]),
        _list(
            "Layers that hurt most (SNR of what the layer itself adds)",
            [f"{row.name}: {row.own} dB" for row in report.worst],
        ),
        _table_of_text("Layers in int16", report.tradeoff),
        _table_of_text("Requantization", report.loss),
        _list("Notes", report.notes),
        _list("Warnings", report.warnings),
        _tensors(report.rows),
        _list(
            "Operators in float",
            [f"{left.operator} {left.name}: {left.reason}" for left in report.left_float],
        ),
        _paragraph(time_line(report)) if report.seconds else "",
        "</body></html>\n",
    ]
    return "\n".join(part for part in parts if part)


def _paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"


def _list(title: str, lines: Sequence[str]) -> str:
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    return f"<h2>{html.escape(title)}</h2><ul>{items}</ul>" if lines else ""


def _table_of_text(title: str, table: object | None) -> str:
    if table is None:
        return ""
    return f"<h2>{html.escape(title)}</h2><pre>{html.escape(str(table))}</pre>"


def _accuracy(accuracy: Accuracy) -> str:
    rows = []
    for output in accuracy.outputs:
        found = output.deviation
        errors = ("", "") if found is None else (f"{found.mean:.4g}", f"{found.largest:.4g}")
        cells = (output.name, snr(found), *errors, agreement(output, accuracy))
        rows.append(_row(cells))
    columns = _columns("output", "SNR in dB", "mean error", "largest error", "agreement")
    title = html.escape(accuracy_head(accuracy).rstrip(":"))
    return f"<h2>{title}</h2><table>{columns}\n" + "\n".join(rows) + "</table>"


def _tensors(rows: Sequence[TensorRow]) -> str:
    columns = _columns(
        *("tensor", "role", "bits", "exponent", "min", "max", "clipped", "SNR in dB", "own SNR"),
        "values in calibration, and the integers' limits",
    )
    lines = [_tensor(row) for row in rows]
    return f"<h2>Tensors</h2><table>{columns}\n" + "\n".join(lines) + "</table>"


def _tensor(row: TensorRow) -> str:
    cells = (
        *(row.name, row.role, str(row.bits), span(row.exponents)),
        *(f"{row.low:.4g}", f"{row.high:.4g}", _clipped(row), snr(row.cumulative), snr(row.own)),
    )
    return _row(cells, histogram(row), "saturates" if row.saturates else "")


def _clipped(row: TensorRow) -> str:
    if row.clipped is None or row.clipped_at_most is None:
        return ""
    if row.clipped == row.clipped_at_most:
        return f"{row.clipped:.3%}"
    return f"{row.clipped:.3%} to {row.clipped_at_most:.3%}"


def _columns(*names: str) -> str:
    return "<tr>" + "".join(f"<th>{html.escape(name)}</th>" for name in names) + "</tr>"


def _row(cells: Sequence[str], drawing: str | None = None, kind: str = "") -> str:
    """A line of a table; `drawing` is a last cell of ready HTML."""
    begin = f'<tr class="{kind}">' if kind else "<tr>"
    last = "" if drawing is None else f"<td>{drawing}</td>"
    return begin + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + last + "</tr>"
