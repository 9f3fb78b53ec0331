"""The partition report as text, JSON and one self-contained HTML page.

It arranges what the report says and adds nothing to it.
"""

from __future__ import annotations

import dataclasses
import html
import json
import textwrap
from collections.abc import Sequence

from .rows import NodeRow, Report, Row

WIDTH = 100


def as_text(report: Report) -> str:
    """Tables that fit 100 columns."""
    if report.nodes:
        lines = [f"{'node':36} {'type':16} {'runs on':7} {'operator':17} {'exp':>4} {'MACs':>14}"]
        lines += [line for node in report.nodes for line in _node(node)]
        if report.added:
            lines.append("added by the compiler:")
        lines += [_call(row) for row in report.added]
    else:
        lines = [f"{'tensor':53} {'runs on':7} {'operator':17} {'exp':>4} {'MACs':>14}"]
        lines += [_call(row) for row in report.rows]
    lines.append(_totals(report))
    for reason in report.reasons:
        lines += _wrapped(f"not on ESP-DL: {reason.tensor} ({reason.operator}): {reason.refusal}")
    for warning in report.warnings:
        lines += _wrapped(f"warning: {warning}")
    return "\n".join(lines)


def as_json(report: Report) -> str:
    """JSON with the report's own fields; same report, same text."""
    content = {
        "chip": report.chip.name,
        "totals": report.totals,
        "nodes": [dataclasses.asdict(node) for node in report.nodes],
        "calls": [dataclasses.asdict(row) for row in report.rows],
        "reasons": [dataclasses.asdict(reason) for reason in report.reasons],
        "warnings": report.warnings,
    }
    return json.dumps(content, indent=2) + "\n"


def as_html(report: Report) -> str:
    """One page without scripts or other files."""
    nodes = [line for node in report.nodes for line in _cells(node)]
    calls = [
        (
            *(row.tensor, row.operator, row.runs_on, row.dtype, "x".join(map(str, row.shape))),
            *(_exponent(row), _macs(row), f"{row.bytes:,}"),
        )
        for row in report.rows
    ]
    reasons = [
        (
            *(reason.tensor, reason.operator, reason.refusal.sentence, reason.refusal.found),
            *(reason.refusal.allowed, reason.refusal.fix),
        )
        for reason in report.reasons
    ]
    parts = [
        _PAGE_HEAD,
        f"<h1>Partition report for {report.chip.name}</h1><p>{html.escape(_totals(report))}</p>",
        _table("Not on ESP-DL", ["tensor", "operator", "rule", "found", "allowed", "try"], reasons),
        _list("Warnings", report.warnings),
        _table("Nodes of the model", ["node", "type", "runs on", "operator", "exp", "MACs"], nodes),
        _table(
            "Calls in the order of execution",
            ["tensor", "operator", "runs on", "type", "shape", "exp", "MACs", "bytes"],
            calls,
        ),
        "</body></html>\n",
    ]
    return "\n".join(part for part in parts if part)


def _cells(node: NodeRow) -> list[tuple[str, ...]]:
    """Of the table of nodes: a line, and one for each call that computes a further result."""
    numbers = _operator(node.call), _exponent(node.call), _node_macs(node)
    return [
        (node.name, node.type, node.runs_on, *numbers),
        *(
            (f"and {row.tensor}", "", row.runs_on, _operator(row), _exponent(row), _macs(row))
            for row in node.others
        ),
    ]


_PAGE_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Partition report</title><style>
body { font: 15px/1.4 sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em; }
table { border-collapse: collapse; } td, th { border-bottom: 1px solid #ccc; padding: 2px 8px; }
th { text-align: left; } .TVM { background: #fff1d6; }
</style></head><body>"""


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
    body = "\n".join(
        f'<tr class="{"TVM" if "TVM" in row else "ESP-DL"}">'
        + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    return f"<h2>{html.escape(title)}</h2><table><tr>{head}</tr>\n{body}</table>"


def _list(title: str, lines: Sequence[str]) -> str:
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    return f"<h2>{html.escape(title)}</h2><ul>{items}</ul>" if lines else ""


def _totals(report: Report) -> str:
    espdl, tvm = report.totals["ESP-DL"], report.totals["TVM"]
    calls = len(report.rows)
    bytes_ = espdl["bytes"] + tvm["bytes"]
    share = espdl["bytes"] / bytes_ if bytes_ else 1.0
    return (
        f"{report.chip.name}: {espdl['calls']} of {calls} calls on ESP-DL, "
        f"{espdl['macs']:,} MACs, {share:.1%} of {bytes_:,} bytes moved"
    )


def _node(node: NodeRow) -> list[str]:
    """A line, and one for each call that computes a further result."""
    first = (
        f"{_end(node.name, 36):36} {_end(node.type, 16):16} {node.runs_on:7} "
        f"{_operator(node.call):17} {_exponent(node.call):>4} {_node_macs(node):>14}"
    )
    return [first, *(_call(row, "  and ") for row in node.others)]


def _call(row: Row, before: str = "") -> str:
    name = f"{before}{_end(row.tensor, 53 - len(before))}"
    return f"{name:53} {row.runs_on:7} {_operator(row):17} {_exponent(row):>4} {_macs(row):>14}"


def _operator(row: Row | None) -> str:
    return "" if row is None else _end(row.operator, 17)


def _exponent(row: Row | None) -> str:
    return "" if row is None or row.exponent is None else str(row.exponent)


def _macs(row: Row | None) -> str:
    return f"{row.macs:,}" if row is not None and row.macs else ""


def _node_macs(node: NodeRow) -> str:
    return "with above" if node.fused else _macs(node.call)


def _end(text: str, width: int) -> str:
    return text if len(text) <= width else f"…{text[1 - width :]}"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
