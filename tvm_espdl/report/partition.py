"""The partition report: which kernel each part gets, and for what is no operator of ESP-DL, why.

It reads a program and the partition log; it decides nothing and runs nothing.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence

from ..files.output_files import write_whole
from ..ops.base.rounding import Array
from ..ops.dequantize import Dequantize
from ..ops.quantize import Quantize
from ..program import Native, Node, Program, Step
from ..program.kernels import (
    DEFINERS,
    KERNELS,
    Preference,
    choice_of_step,
    definer_of_step,
)
from .formats import as_html, as_json, as_text
from .functions import reasons_of_functions
from .log import IS_A_QUANTIZED_FORM, PartitionLog, Reason
from .rows import NOTHING, LeftFloat, NodeRow, ReportRows, Row
from .warnings import warnings_of


class Report(ReportRows):
    """What users hold: printing it gives tables that fit 100 columns."""

    def __str__(self) -> str:
        return as_text(self)

    def to_json(self) -> str:
        """The report as JSON text."""
        return as_json(self)

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write the report as one self-contained page.

        Raises
        ------
        OutputError
            If the file exists or cannot be written.
        """
        write_whole(path, as_html(self).encode())

    def with_left_float(self, nodes: Sequence[LeftFloat]) -> Report:
        """The report with what the quantizer left float, and its reasons.

        They stand in place of the rule that an operator has to be quantized, which says nothing
        of why it is not.
        """
        named = {tensor for node in nodes for tensor in node.tensors}
        kept = [
            reason
            for reason in self.reasons
            if reason.tensor not in named or reason.refusal.rule != IS_A_QUANTIZED_FORM.name
        ]
        return dataclasses.replace(self, reasons=tuple(kept), left_float=tuple(nodes))


def report_of(
    program: Program,
    log: PartitionLog,
    values: Mapping[str, Array] | None = None,
    kernels: Preference = "auto",
) -> Report:
    """The report of a program and of what its partitioning refused.

    Parameters
    ----------
    values : mapping of str to numpy.ndarray, optional
        Every tensor of one or more runs, stacked; adds warnings about saturation.
    kernels : str
        Whose kernels the exported project prefers.
    """
    rows = tuple(_row(step, program, kernels) for step in program.steps)
    return Report(
        chip=program.chip,
        rows=rows,
        nodes=_nodes(program, rows),
        added=tuple(r for r, s in zip(rows, program.steps, strict=True) if _is_added(s, program)),
        reasons=_reasons(program, log),
        warnings=warnings_of(program, log, values or {}),
    )


def _row(step: Step, program: Program, kernels: Preference) -> Row:
    result, operator = program.values[step.outputs[0]], step.operator
    exponent = result.exponent if isinstance(result.exponent, int) else None
    if isinstance(operator, Native):
        cost = 0, sum(program.values[name].nbytes for name in (*step.inputs, *step.outputs))
    else:
        cost = operator.macs, operator.bytes_moved
    chosen = choice_of_step(step, program.chip, kernels)
    definer, named = definer_of_step(step), (step.outputs[0], operator.name)
    kind = chosen.kernel, chosen.why
    return Row(*named, definer, *kind, result.shape, result.dtype, exponent, *cost)


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
        rows = (call, *further)
        definer = max((row.defined_by for row in rows), key=DEFINERS.index)
        kernel = max((row.kernel for row in rows), key=KERNELS.index)
        return NodeRow(node.name, node.type, node.tensor, definer, kernel, call, tuple(further))
    # TVM fuses several nodes into one function and keeps the name of the last one only.
    if node.type in ("Identity", "Dropout", "Transpose", "Reshape") or not on_tvm:
        return NodeRow(node.name, node.type, node.tensor, NOTHING, NOTHING, None)
    return NodeRow(node.name, node.type, node.tensor, "TVM", "tvm", None)


def _is_added(step: Step, program: Program) -> bool:
    if isinstance(step.operator, (Quantize, Dequantize)):
        return True
    tensors = {tensor for node in program.nodes for tensor in (node.tensor, *node.others)}
    return not tensors.intersection((*step.covers, *step.outputs))


def _reasons(program: Program, log: PartitionLog) -> tuple[Reason, ...]:
    """Every rule that patterns refused by; and the general one for TVM's other functions."""
    reasons = [reason for refused in log.refused.values() for reason in refused]
    return (*reasons, *reasons_of_functions(program, {reason.tensor for reason in reasons}))
