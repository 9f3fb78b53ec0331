"""The account of a quantization: what was chosen, what it costs in accuracy, what to look at.

Must never influence the quantization; it is made after it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import OutputError
from ...files.output_files import check_new, write_whole
from ..foreign.loss import RequantizationLoss
from ..mixed.tradeoff import Tradeoff
from .accuracy import Accuracy
from .rows import FloatRow, StepRow, TensorRow

#: How many layers are named as those that hurt most.
WORST = 3


@dataclass(frozen=True)
class QuantizationReport:
    """What was quantized, how, and how well; `str(report)` has at most 100 columns.

    Attributes
    ----------
    chip : str
        The chip that the network was quantized for.
    method : str
        How the exponents of activations were chosen.
    samples : int
        Calibration samples used.
    rows : tuple of TensorRow
        The quantized tensors, in the order of the graph.
    left_float : tuple of FloatRow
        The operators that stayed float.
    weights : str
        How the exponents of weights were chosen.
    accuracy : Accuracy or None
        Of the result, with the chip's bits; None where it was not measured.
    steps : tuple of StepRow
        The network without recovery, then each step that was tried, in order.
    notes : tuple of str
        What to know when reading the figures.
    warnings : tuple of str
        What to look at.
    unmeasured : str
        Why there is no accuracy; "" where there is one.
    tradeoff : Tradeoff or None
        What int16 layers cost and gain, where they were chosen automatically.
    loss : RequantizationLoss or None
        How far a network that others quantized has moved, where it was re-expressed.
    seconds : dict of str to float
        Time of each phase; not part of the comparison of two reports.
    """

    chip: str
    method: str
    samples: int
    rows: tuple[TensorRow, ...]
    left_float: tuple[FloatRow, ...]
    weights: str = ""
    accuracy: Accuracy | None = None
    steps: tuple[StepRow, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    unmeasured: str = ""
    tradeoff: Tradeoff | None = None
    loss: RequantizationLoss | None = None
    seconds: Mapping[str, float] = field(default_factory=dict, compare=False)

    @property
    def worst(self) -> tuple[TensorRow, ...]:
        """The three layers that hurt most: those with the lowest SNR on their own.

        That is noise over signal of what the layer itself adds (`TensorRow.own`); inputs of the
        network and layers without noise are left out.
        """
        found = [
            (row.own.ratio, row)
            for row in self.rows
            if row.own is not None and row.own.ratio and row.role != "input"
        ]
        return tuple(row for _, row in sorted(found, key=lambda entry: -(entry[0] or 0.0))[:WORST])

    def __str__(self) -> str:
        from .text import as_text

        return as_text(self)

    def to_json(self) -> str:
        """The report as JSON text, with the same keys for every network."""
        from .json_text import as_json

        return as_json(self)

    def to_html(self) -> str:
        """The report as one self-contained page, with a histogram of each activation."""
        from .html_page import as_html

        return as_html(self)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the report; the file appears whole or not at all.

        Parameters
        ----------
        path : path
            Its ending decides: .txt, .json or .html.
        overwrite : bool
            Whether a file that is there already may be replaced.

        Raises
        ------
        OutputError
            If the ending is another one, or the file exists or cannot be written.
        """
        check_report_path(path, overwrite=overwrite)
        forms = {".txt": lambda: f"{self}\n", ".json": self.to_json, ".html": self.to_html}
        text = forms[Path(path).suffix.lower()]()
        write_whole(path, text.encode(), overwrite=overwrite)


def check_report_path(path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Refuse a path that no report can be written to.

    Raises
    ------
    OutputError
        If the ending is none of the three, or the file exists.
    """
    endings = (".txt", ".json", ".html")
    if Path(path).suffix.lower() not in endings:
        raise OutputError(
            "the ending says no form of report",
            where=str(path),
            found=Path(path).suffix or "no ending",
            allowed=", ".join(endings),
        )
    check_new(path, overwrite=overwrite)
