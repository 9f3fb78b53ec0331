"""The rows of a partition report: calls, nodes of the model, and the report that holds them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property

from ..chips import Chip
from ..files.output_files import write_whole
from .reasons import Reason

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
        from .formats import as_text

        return as_text(self)

    def to_json(self) -> str:
        """The report as JSON text."""
        from .formats import as_json

        return as_json(self)

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write the report as one self-contained page.

        Raises
        ------
        OutputError
            If the file exists or cannot be written.
        """
        from .formats import as_html

        write_whole(path, as_html(self).encode())
