"""The partition report: what runs where, and for everything that ESP-DL does not take, why not.

It reads a program and the partition log; it decides nothing and runs nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ..ops.base.rounding import Array
from ..ops.dequantize import Dequantize
from ..ops.quantize import Quantize
from ..program import Native, Node, Program, Step
from .log import PartitionLog
from .reasons import reasons_of
from .rows import ESP_DL, NOTHING, TVM, NodeRow, Report, Row
from .warnings import warnings_of


def report_of(
    program: Program, log: PartitionLog, values: Mapping[str, Array] | None = None
) -> Report:
    """The report of a program and of what its partitioning refused.

    Parameters
    ----------
    values : mapping of str to numpy.ndarray, optional
        Every tensor of one or more runs, stacked; adds warnings about saturation.
    """
    rows = tuple(_row(step, program) for step in program.steps)
    return Report(
        chip=program.chip,
        rows=rows,
        nodes=_nodes(program, rows),
        added=tuple(r for r, s in zip(rows, program.steps, strict=True) if _is_added(s, program)),
        reasons=reasons_of(program, log),
        warnings=warnings_of(program, log, values or {}),
    )


def _row(step: Step, program: Program) -> Row:
    result = program.values[step.outputs[0]]
    exponent = result.exponent if isinstance(result.exponent, int) else None
    place = (result.shape, result.dtype, exponent)
    if isinstance(step.operator, Native):
        moved = sum(program.values[name].nbytes for name in (*step.inputs, *step.outputs))
        return Row(step.outputs[0], step.operator.name, TVM, *place, 0, moved)
    operator = step.operator
    return Row(step.outputs[0], operator.name, ESP_DL, *place, operator.macs, operator.bytes_moved)


def _nodes(program: Program, rows: tuple[Row, ...]) -> tuple[NodeRow, ...]:
    by_tensor = {
        tensor: row
        for row, step in zip(rows, program.steps, strict=True)
        if not isinstance(step.operator, (Quantize, Dequantize))
        for tensor in (*step.covers, *step.outputs)
    }
    on_tvm = any(isinstance(step.operator, Native) for step in program.steps)
    result: list[NodeRow] = []
    seen: set[str] = set()
    for node in program.nodes:
        row = _node(node, by_tensor, on_tvm)
        key = row.call.tensor if row.call is not None else ""
        result.append(dataclasses.replace(row, fused=key in seen))
        seen.update([key] if key else [])
    return tuple(result)


def _node(node: Node, by_tensor: Mapping[str, Row], on_tvm: bool) -> NodeRow:
    call = by_tensor.get(node.tensor)
    others = [by_tensor[tensor] for tensor in node.others if tensor in by_tensor]
    if call is None and others:
        call = others[0]
    if call is not None:
        further = dict.fromkeys(other for other in others if other is not call)
        place = TVM if TVM in {row.runs_on for row in (call, *further)} else ESP_DL
        return NodeRow(node.name, node.type, node.tensor, place, call, tuple(further))
    # TVM fuses several nodes into one function and keeps the name of the last one only.
    gone = node.type in ("Identity", "Dropout", "Transpose", "Reshape") or not on_tvm
    return NodeRow(node.name, node.type, node.tensor, NOTHING if gone else TVM, None)


def _is_added(step: Step, program: Program) -> bool:
    if isinstance(step.operator, (Quantize, Dequantize)):
        return True
    tensors = {tensor for node in program.nodes for tensor in (node.tensor, *node.others)}
    return not tensors.intersection((*step.covers, *step.outputs))
