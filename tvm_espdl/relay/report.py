"""The partition report: what runs where, and for everything that ESP-DL does not take, why not.

It reads a program and the partition log; it decides nothing and runs nothing.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..chips import Chip
from ..codegen.program import Native, Node, Program, Step
from ..ops import Operator, Refusal
from ..ops.accumulate import accumulators, largest_sums
from ..ops.dequantize import Dequantize
from ..ops.quantize import Quantize
from ..ops.requantize import Requantize
from ..ops.rounding import Array
from ..output_files import write_whole
from .patterns.admission import PartitionLog

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
class Reason:
    """A rule that keeps an operator of the model off ESP-DL.

    Attributes
    ----------
    tensor : str
        The model's name of the operator's result.
    operator : str
        What it would have been.
    refusal : Refusal
        Rule, what was found, what is allowed, what to change.
    """

    tensor: str
    operator: str
    refusal: Refusal


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
    fused : bool
        Whether an earlier node stands for the same call already.
    """

    name: str
    type: str
    tensor: str
    runs_on: str
    call: Row | None
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
        For each refused operator, each broken rule.
    warnings : tuple of str
        Sums that can leave their register on the chip; values seen at their limits.
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
    reasons = tuple(
        Reason(refused.tensor, refused.operator, refusal)
        for refused in log.refused.values()
        for refusal in refused.refusals
    )
    warnings = [text for step in program.steps for text in _overflow(step, program.chip)]
    warnings += _saturation(program, values or {})
    warnings += _requantizes(program)
    return Report(
        chip=program.chip,
        rows=rows,
        nodes=_nodes(program, rows),
        added=tuple(r for r, s in zip(rows, program.steps, strict=True) if _is_added(s, program)),
        reasons=reasons,
        warnings=tuple(warnings),
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
    if call is not None:
        return NodeRow(node.name, node.type, node.tensor, call.runs_on, call)
    # TVM fuses several nodes into one function and keeps the name of the last one only.
    gone = node.type in ("Identity", "Dropout", "Transpose", "Reshape") or not on_tvm
    return NodeRow(node.name, node.type, node.tensor, NOTHING if gone else TVM, None)


def _is_added(step: Step, program: Program) -> bool:
    if isinstance(step.operator, (Quantize, Dequantize)):
        return True
    tensors = {node.tensor for node in program.nodes}
    return not tensors.intersection((*step.covers, *step.outputs))


def _overflow(step: Step, chip: Chip) -> list[str]:
    """Layers whose sums can leave the register that the chip keeps them in."""
    operator = step.operator
    terms = operator.summed(*step.constants) if isinstance(operator, Operator) else None
    if terms is None or not isinstance(operator, Operator):
        return []
    dtype = operator.inputs[0].dtype
    bound = largest_sums(terms.weights, terms.bias, dtype)
    texts = []
    for channels, register in accumulators(chip, dtype, len(bound), terms.lanes_only):
        over = bound[channels] > register.highest
        if over.any():
            texts.append(
                f"{step.outputs[0]}: {int(over.sum())} of {len(bound)} channels can leave the "
                f"{register.bits}-bit accumulator of the {chip.name} (sums up to "
                f"{int(bound[channels].max())}, limit {register.highest}); the PC follows the "
                "chip, but accuracy may suffer: smaller weights or fewer inputs per output help"
            )
    return texts


def _saturation(program: Program, values: Mapping[str, Array]) -> list[str]:
    texts = []
    for step in program.steps:
        name = step.outputs[0]
        array = values.get(name)
        if array is None or not np.issubdtype(array.dtype, np.integer):
            continue
        limits = np.iinfo(array.dtype)
        share = float(np.mean((array == limits.max) | (array == limits.min)))
        if share > 0.01:
            texts.append(
                f"{name}: {share:.1%} of the values are at the limits of {array.dtype}; "
                "a larger exponent would keep them apart"
            )
    return texts


def _requantizes(program: Program) -> list[str]:
    return [
        f"{step.outputs[0]}: an extra requantize from exponent {step.operator.x.exponent} to "
        f"{step.operator.y.exponent}, because its reader needs equal exponents; the same scale for "
        "all of them in the quantizer would save it"
        for step in program.steps
        if isinstance(step.operator, Requantize) and not step.covers
    ]
