"""The partition report: what runs where, and for everything that ESP-DL does not take, why not.

It reads a program and the partition log; it decides nothing.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from ..chips import Chip
from ..codegen.program import Native, Program, Step
from ..ops import Refusal, Tensor
from .transform import PartitionLog

WIDTH = 100


@dataclass(frozen=True)
class Row:
    """One call of the network.

    Attributes
    ----------
    tensor : str
        The model's name of the result.
    operator : str
        Operator, or the name of TVM's function.
    runs_on : str
        `ESP-DL` (its kernel on the chip, our portable C elsewhere) or `TVM`.
    shape : tuple of int
        Of the result, in the chip's layout.
    dtype : str
        Of the result.
    exponent : int or None
        Of the result; None for floats.
    macs, bytes : int
        Multiply-accumulates, and bytes of inputs, constants and result; 0 for TVM's functions.
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
    """Why an operator of the model does not run on ESP-DL."""

    tensor: str
    operator: str
    refusal: Refusal


@dataclass(frozen=True)
class Report:
    """The whole report; printing it gives a table.

    Attributes
    ----------
    chip : Chip
        What the network was compiled for.
    rows : tuple of Row
        Every call, in the order of execution.
    reasons : tuple of Reason
        For each refused operator, each broken rule.
    """

    chip: Chip
    rows: tuple[Row, ...]
    reasons: tuple[Reason, ...]

    def __str__(self) -> str:
        offloaded = [row for row in self.rows if row.runs_on == "ESP-DL"]
        macs = sum(row.macs for row in self.rows)
        lines = [
            f"{'tensor':38} {'operator':17} {'runs on':7} {'shape':17} {'exp':>4} {'MACs':>11}"
        ]
        lines += [_line(row) for row in self.rows]
        lines.append(
            f"{self.chip.name}: {len(offloaded)} of {len(self.rows)} calls on ESP-DL, {macs:,} MACs"
        )
        for reason in self.reasons:
            text = f"{reason.tensor} ({reason.operator}): {reason.refusal}"
            lines += textwrap.wrap(text, WIDTH, subsequent_indent="  ")
        return "\n".join(lines)


def _line(row: Row) -> str:
    shape = "x".join(map(str, row.shape))
    exponent = "" if row.exponent is None else str(row.exponent)
    return (
        f"{_shortened(row.tensor, 38):38} {_shortened(row.operator, 17):17} {row.runs_on:7} "
        f"{shape:17} {exponent:>4} {row.macs:>11,}"
    )


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"…{text[-width + 1 :]}"


def report_of(program: Program, log: PartitionLog) -> Report:
    """The report of a program and of what its partitioning refused."""
    rows = tuple(_row(step, program.values[step.outputs[0]]) for step in program.steps)
    reasons = tuple(
        Reason(refused.tensor, refused.operator, refusal)
        for refused in log.refused.values()
        for refusal in refused.refusals
    )
    return Report(program.chip, rows, reasons)


def _row(step: Step, result: Tensor) -> Row:
    exponent = result.exponent if isinstance(result.exponent, int) else None
    place = (result.shape, result.dtype, exponent)
    if isinstance(step.operator, Native):
        return Row(step.outputs[0], step.operator.name, "TVM", *place, 0, 0)
    operator = step.operator
    cost = (operator.macs, operator.bytes_moved)
    return Row(step.outputs[0], operator.name, "ESP-DL", *place, *cost)
