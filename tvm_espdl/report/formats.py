"""The partition report as text, JSON and HTML.

It arranges what the report says and adds nothing to it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from .log import HAS_AN_OPERATOR, IS_A_QUANTIZED_FORM, Reason
from .page import Line, Page, Section
from .rows import LeftFloat, NodeRow, ReportRows, Row
from .text import Column, json_text, shorten, table_head, table_line, wrapped

_FIGURES = (Column("operator", 17), Column("exp", 4, right=True), Column("MACs", 14, right=True))
_NODES = (Column("node", 36), Column("type", 16), Column("kernel", 8), *_FIGURES)
#: Nodes that one paragraph lists.
_MOST_LISTED = 20
_OF_FUNCTIONS = (HAS_AN_OPERATOR.name, IS_A_QUANTIZED_FORM.name)
_CALLS = (Column("tensor", 53), Column("kernel", 8), *_FIGURES)


def as_text(report: ReportRows) -> str:
    """Tables that fit 100 columns."""
    if report.nodes:
        lines = [table_head(_NODES)]
        lines += [line for node in report.nodes for line in _node(node)]
        if report.added:
            lines.append("added by the compiler:")
        lines += [_call(row) for row in report.added]
    else:
        lines = [table_head(_CALLS), *map(_call, report.rows)]
    lines += wrapped(_verdict(report))
    lines += [line for sentence in _portable(report) for line in wrapped(sentence)]
    lines += [line for text in _refusals(report.reasons) for line in wrapped(text)]
    lines += [line for text in _left_float(report.left_float) for line in wrapped(text)]
    for warning in report.warnings:
        lines += wrapped(f"warning: {warning}")
    return "\n".join(lines)


def as_json(report: ReportRows) -> str:
    """JSON with the report's own fields; same report, same text."""
    return json_text(
        {
            "chip": report.chip.name,
            "totals": report.totals,
            "kernels": report.kernels,
            "nodes": [dataclasses.asdict(node) for node in report.nodes],
            "calls": [dataclasses.asdict(row) for row in report.rows],
            "reasons": [dataclasses.asdict(reason) for reason in report.reasons],
            "left_float": [dataclasses.asdict(node) for node in report.left_float],
            "warnings": report.warnings,
        }
    )


def as_html(report: ReportRows) -> str:
    """One page without scripts or other files."""
    kind = ("kernel", "defined by", "operator")
    sections = (
        Section(
            "Not an operator of ESP-DL",
            ("tensor", "operator", "rule", "found", "allowed", "try"),
            [_reason_line(reason) for reason in report.reasons],
        ),
        Section("Left float by the quantizer", items=_left_float(report.left_float)),
        Section("Warnings", items=report.warnings),
        Section("Portable kernels", items=tuple(_portable(report))),
        Section(
            "Nodes of the model",
            ("node", "type", *kind, "exp", "MACs"),
            [line for node in report.nodes for line in _node_lines(node)],
        ),
        Section(
            "Calls in the order of execution",
            ("tensor", *kind, "type", "shape", "exp", "MACs", "bytes"),
            [_call_line(row) for row in report.rows],
        ),
    )
    return Page(f"Partition report for {report.chip.name}", _verdict(report), sections).html()


def _verdict(report: ReportRows) -> str:
    """Whose operators the calls are, and what an exported project calls."""
    espdl, calls = report.totals["ESP-DL"], len(report.rows)
    moved = sum(total["bytes"] for total in report.totals.values())
    share = espdl["bytes"] / moved if moved else 1.0
    lacking = ", ".join(
        dict.fromkeys(row.operator for row in report.rows if row.defined_by == "tvm-espdl")
    )
    kernels = ", ".join(f"{count} {kind}" for kind, count in report.kernels.items() if count)
    return (
        f"{report.chip.name}: {espdl['calls']} of {calls} calls are operators of ESP-DL, "
        f"{espdl['macs']:,} MACs, {share:.1%} of {moved:,} bytes moved; "
        + (f"ESP-DL lacks {lacking}; " if lacking else "")
        + f"kernels of an exported project: {kernels or 'none'}"
    )


def _portable(report: ReportRows) -> list[str]:
    """Why portable kernels are called, one sentence a reason."""
    return [f"portable {', '.join(names)}: {why}" for why, names in report.portable.items()]


def _refusals(reasons: Sequence[Reason]) -> list[str]:
    """A paragraph for each rule and remedy, with all that it keeps off ESP-DL."""
    groups: dict[tuple[str, str], list[Reason]] = {}
    for reason in reasons:
        groups.setdefault((reason.refusal.rule, reason.refusal.fix), []).append(reason)
    return [_refused(group) for group in groups.values()]


def _refused(group: Sequence[Reason]) -> str:
    first, found = group[0].refusal, list(dict.fromkeys(r.refusal.found for r in group))
    if first.rule in _OF_FUNCTIONS:  # What was found are the nodes themselves.
        told = f"{_listed(found, '; ')}: {first.sentence}"
    else:
        names = [f"{reason.tensor} ({reason.operator})" for reason in group]
        told = f"{_listed(names)}: {first.sentence} Found: {_listed(found, '; ')}."
    return f"not an operator of ESP-DL: {told} Allowed: {first.allowed}. Try: {first.fix}."


def _left_float(nodes: Sequence[LeftFloat]) -> list[str]:
    """A sentence for each reason, with all nodes that it holds for."""
    groups: dict[str, list[str]] = {}
    for node in nodes:
        called = f"{node.name or node.tensors[0]} ({node.operator})"
        groups.setdefault(node.reason, []).append(called)
    return [f"left float, because {why}: {_listed(names)}" for why, names in groups.items()]


def _listed(texts: Sequence[str], between: str = ", ") -> str:
    further = len(texts) - _MOST_LISTED
    more = [f"and {further} more (--json has all)"] if further > 0 else []
    return between.join([*texts[:_MOST_LISTED], *more])


def _reason_line(reason: Reason) -> Line:
    refusal = reason.refusal
    told = (refusal.sentence, refusal.found, refusal.allowed, refusal.fix)
    return Line((reason.tensor, reason.operator, *told))


def _node_lines(node: NodeRow) -> list[Line]:
    """A line, and one for each call that computes a further result."""
    calls: list[tuple[str, str, NodeRow | Row, tuple[str, str, str]]] = [
        (node.name, node.type, node, _figures(node.call, node))
    ]
    calls += [(f"and {row.tensor}", "", row, _figures(row)) for row in node.others]
    return [
        Line((name, kind, its.kernel, its.defined_by, *figures), its.kernel == "tvm")
        for name, kind, its, figures in calls
    ]


def _call_line(row: Row) -> Line:
    operator, *numbers = _figures(row)
    kind = (row.kernel, row.defined_by, operator, row.dtype, "x".join(map(str, row.shape)))
    return Line((row.tensor, *kind, *numbers, f"{row.bytes:,}"), row.kernel == "tvm")


def _node(node: NodeRow) -> list[str]:
    """A line, and one for each call that computes a further result."""
    cells = (node.name, node.type, node.kernel, *_figures(node.call, node))
    return [table_line(_NODES, cells), *(_call(row, "  and ") for row in node.others)]


def _call(row: Row, before: str = "") -> str:
    name = before + shorten(row.tensor, _CALLS[0].width - len(before))
    return table_line(_CALLS, (name, row.kernel, *_figures(row)))


def _figures(row: Row | None, node: NodeRow | None = None) -> tuple[str, str, str]:
    """Operator, exponent and MACs of a call; a node that shares an earlier one's says so."""
    macs = f"{row.macs:,}" if row is not None and row.macs else ""
    if node is not None and node.fused:
        macs = "with above"
    if row is None:
        return "", "", macs
    return row.operator, "" if row.exponent is None else str(row.exponent), macs
