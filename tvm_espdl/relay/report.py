"""The partition report: what runs where, and for everything that ESP-DL does not take, why not.

It reads a program and the partition log; it decides nothing and runs nothing.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from ..chips import Chip
from ..codegen.program import Native, Node, Program, Step
from ..ops.dequantize import Dequantize
from ..ops.quantize import Quantize
from ..ops.rounding import Array
from ..output_files import write_whole
from .patterns.admission import PartitionLog
from .report_reasons import Reason, reasons_of
from .report_warnings import warnings_of

ESP_DL = "ESP-DL"
TVM = "TVM"
NOTHING = "-"


@dataclass(frozen=True)
class Row:
    """One call, in the order of execution.

    Attributes
    ----------
    tensor : str
        The model's name of the result.
    operator : str
        Operator, or the name of TVM's function.
    runs_on : str
        `ESP-DL` (a kernel that ESP-DL has on the chip; our portable C elsewhere) or `TVM`.
    shape, dtype : tuple of int, str
        Of the result, in the chip's layout.
    exponent : int or None
        Of the result; None for floats.
    macs, bytes : int
        Multiply-accumulates, and bytes of inputs, constants and result.
    """

    tensor: str
    operator: str
    runs_on: str
    shape: tuple[int, ...]
    dtype: str
    exponent: int | None
    macs: int
    bytes: int


@dataclass(frozen=True)
class NodeRow:
    """One node of the model, in the model's own order and by its own names.

    Attributes
    ----------
    name, type, tensor : str
        Of the node, as in its file.
    runs_on : str
        `ESP-DL`, `TVM`, or `-` where nothing is left to run (folded, or a cancelled transpose).
    call : Row or None
        The call that computes it.
    others : tuple of Row
        Further calls that compute its further results, in the order of those.
    fused : bool
        Whether an earlier node stands for the same call already.
    """

    name: str
    type: str
    tensor: str
    runs_on: str
    call: Row | None
    others: tuple[Row, ...] = ()
    fused: bool = False


@dataclass(frozen=True)
class Report:
    """The whole report; printing it gives tables that fit 100 columns.

    Attributes
    ----------
    chip : Chip
        What the network was compiled for.
    rows : tuple of Row
        Every call, in the order of execution.
    nodes : tuple of NodeRow
        Every node of the model but for quantize and dequantize; empty where the importer did not
        keep them.
    added : tuple of Row
        Calls that no node of the model asked for: conversions, transposes, requantizes.
    reasons : tuple of Reason
        For each refused operator, each broken rule; and one for each other function of TVM.
    warnings : tuple of str
        As `report_warnings` finds them.
    """

    chip: Chip
    rows: tuple[Row, ...]
    nodes: tuple[NodeRow, ...]
    added: tuple[Row, ...]
    reasons: tuple[Reason, ...]
    warnings: tuple[str, ...]

    @cached_property
    def totals(self) -> dict[str, dict[str, int]]:
        """Calls, MACs and bytes on `ESP-DL` and on `TVM`."""
        return {
            place: {
                "calls": sum(row.runs_on == place for row in self.rows),
                "macs": sum(row.macs for row in self.rows if row.runs_on == place),
                "bytes": sum(row.bytes for row in self.rows if row.runs_on == place),
            }
            for place in (ESP_DL, TVM)
        }

    def __str__(self) -> str:
        from .report_formats import as_text

        return as_text(self)

    def to_json(self) -> str:
        """The report as JSON text."""
        from .report_formats import as_json

        return as_json(self)

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write the report as one self-contained page.

        Raises
        ------
        OutputError
            If the file exists or cannot be written.
        """
        from .report_formats import as_html

        write_whole(path, as_html(self).encode())


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
