"""The content of a partition report as plain data: calls, nodes of the model, reasons, warnings.

It shows nothing: text, JSON and HTML are made from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from ..chips import Chip
from ..program.kernels import DEFINERS, KERNELS, Definer, Kernel
from .log import Reason

Nothing = Literal["-"]
#: Of a node that leaves nothing to run.
NOTHING: Nothing = "-"


@dataclass(frozen=True)
class Row:
    """One call, in the order of execution."""

    #: The model's name of the result.
    tensor: str
    #: Operator, or the name of TVM's function.
    operator: str
    #: Whose operator it is: `ESP-DL` (it has a kernel for it, and these are its bits), `tvm-espdl`
    #: (ESP-DL has none) or `TVM`.
    defined_by: Definer
    #: What the exported project calls: `esp-dl`, `portable` or `tvm`.
    kernel: Kernel
    #: Why this kernel: a sentence.
    why: str
    #: Of the result, in the chip's layout.
    shape: tuple[int, ...]
    dtype: str
    #: Of the result; None for floats.
    exponent: int | None
    #: Multiply-accumulates, and bytes of inputs, constants and result.
    macs: int
    bytes: int


@dataclass(frozen=True)
class NodeRow:
    """One node of the model, in the model's own order and by its own names."""

    #: Of the node, as in its file.
    name: str
    type: str
    tensor: str
    #: As of its calls, `TVM` and `tvm` where one of several is TVM's; both `-` where nothing is
    #: left to run (folded, or a cancelled transpose).
    defined_by: Definer | Nothing
    kernel: Kernel | Nothing
    #: The call that computes it.
    call: Row | None
    #: Further calls that compute its further results, in the order of those.
    others: tuple[Row, ...] = ()
    #: Whether an earlier node stands for the same call already.
    fused: bool = False


@dataclass(frozen=True)
class LeftFloat:
    """A node of a float model that the quantizer would leave float."""

    #: Of the node, and the type; its results.
    name: str
    operator: str
    tensors: tuple[str, ...]
    #: Why: a sentence without its subject.
    reason: str


@dataclass(frozen=True)
class ReportRows:
    """Everything that a partition report says.

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
    left_float : tuple of LeftFloat
        For a float model that is shown as if it were quantized: what would stay float, and why.
    """

    chip: Chip
    rows: tuple[Row, ...]
    nodes: tuple[NodeRow, ...]
    added: tuple[Row, ...]
    reasons: tuple[Reason, ...]
    warnings: tuple[str, ...]
    left_float: tuple[LeftFloat, ...] = ()

    @cached_property
    def totals(self) -> dict[str, dict[str, int]]:
        """Calls, MACs and bytes by whose operators they are."""
        return {
            definer: {
                "calls": sum(row.defined_by == definer for row in self.rows),
                "macs": sum(row.macs for row in self.rows if row.defined_by == definer),
                "bytes": sum(row.bytes for row in self.rows if row.defined_by == definer),
            }
            for definer in DEFINERS
        }

    @cached_property
    def portable(self) -> dict[str, tuple[str, ...]]:
        """Operators whose portable kernel an exported project calls, by the reason."""
        found: dict[str, dict[str, None]] = {}
        for row in self.rows:
            if row.kernel == "portable":
                found.setdefault(row.why, {})[row.operator] = None
        return {why: tuple(operators) for why, operators in found.items()}

    @cached_property
    def kernels(self) -> dict[str, int]:
        """How many calls of an exported project go to kernels of each kind."""
        return {kind: sum(row.kernel == kind for row in self.rows) for kind in KERNELS}
