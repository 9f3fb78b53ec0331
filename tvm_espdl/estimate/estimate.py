"""What users hold: the estimate of a network, which prints itself and writes its page.

It ties together figures, advice, text and page.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..files.accuracy_report import AccuracyReport
from ..files.output_files import write_whole
from ..program import Program
from ..program.identity import identity
from ..program.kernels import Preference
from ..report.log import Reason
from ..report.page import Section
from ..report.rows import ReportRows
from .advice import Advice, advice_for
from .evaluation import Figures, NodeEstimate, figures_of
from .factors import Calibration
from .machine import Settings
from .text import as_json, as_text
from .verdict import Limits, parts_of, verdict_of


class Network(Protocol):
    """A compiled network: what holds a program, and says why parts of it are no operators."""

    @property
    def program(self) -> Program:
        """The network as a list of calls."""

    @property
    def origin(self) -> str:
        """The identity of the network that a file was written from; "" where it is not known."""

    def report(self, *samples: Any, kernels: Preference = "auto") -> ReportRows:
        """Which kernel each part gets, and why."""

    def workspaces(self) -> Mapping[int, int]:
        """Bytes that functions of TVM work in, by their step, but for what C cannot express."""


@dataclass(frozen=True)
class Estimate:
    """How long a network takes on a chip, and what memory.

    Attributes
    ----------
    figures : Figures
        All numbers.
    reasons : tuple of Reason
        Why parts are no operators of ESP-DL.
    notes : tuple of str
        What else a reader should know.
    left_out : int
        Operators of the model that nobody compiles and that no figure counts.
    accuracy : AccuracyReport or None
        How exact its quantization is, where that was measured.
    """

    figures: Figures
    reasons: tuple[Reason, ...] = ()
    notes: tuple[str, ...] = ()
    left_out: int = 0
    accuracy: AccuracyReport | None = None

    @property
    def milliseconds(self) -> float:
        """One inference, on one core, caches cold."""
        return self.figures.milliseconds

    @property
    def error_percent(self) -> float:
        """What that is off by on average."""
        return self.figures.error_percent

    @property
    def internal_ram_bytes(self) -> int:
        """Static arrays of the network in internal memory."""
        return self.figures.internal_ram_bytes

    @property
    def psram_bytes(self) -> int:
        """PSRAM, constants that are copied there included."""
        return self.figures.psram_bytes

    @property
    def flash_bytes(self) -> int:
        """Constants in flash, code apart."""
        return self.figures.flash_bytes

    @property
    def nodes(self) -> tuple[NodeEstimate, ...]:
        """Every call, in the order of execution."""
        return self.figures.nodes

    @property
    def verdict(self) -> str:
        """One sentence."""
        return verdict_of(self.figures)

    @property
    def advice(self) -> tuple[Advice, ...]:
        """What would make it faster, the largest gain first."""
        return advice_for(self.figures)

    def broken(self, limits: Limits) -> list[str]:
        """A line for each limit that does not hold; of a part of a model none is shown to hold."""
        lines = limits.broken_by(self.figures)
        if self.left_out and limits != Limits():
            lines.append(f"operators of the model that are in no figure: {self.left_out}")
        return lines

    @property
    def fits(self) -> bool:
        """Whether the chip and its usual boards have enough memory."""
        return all(part.fits for part in parts_of(self.figures))

    def __str__(self) -> str:
        return self.text()

    def text(self, *, every: bool = False) -> str:
        """The report as text; with `every`, all calls in their order are in it."""
        notes = self.notes if self.accuracy is None else (*self.notes, self.accuracy.sentence)
        return as_text(self.figures, self.advice, self.reasons, notes, every=every)

    def to_json(self) -> str:
        """The estimate as JSON text."""
        return as_json(self.figures, self.advice, self.reasons, self.accuracy)

    def html(
        self, *, snr: Mapping[str, float] | None = None, sections: Sequence[Section] = ()
    ) -> str:
        """One self-contained page.

        Parameters
        ----------
        snr : mapping of str to float, optional
            Of tensors in their order, in dB, where quantization was measured.
        sections : sequence of Section
            Of other reports, built with the same kit; they follow the page's own.
        """
        from .page import as_html  # only when a page is made

        shown = self.figures, self.advice, self.reasons, self.notes
        return as_html(*shown, snr=snr, accuracy=self.accuracy, sections=sections)

    def to_html(self, path: str | os.PathLike[str], **more: Any) -> None:
        """Write the page; `more` as for `html`.

        Raises
        ------
        OutputError
            If the file exists or cannot be written.
        """
        write_whole(path, self.html(**more).encode())


def evaluate(
    network: Network | Program,
    settings: Settings | None = None,
    *,
    kernels: Preference = "auto",
    notes: Sequence[str] = (),
    calibration: Calibration | None = None,
    left_out: int = 0,
    accuracy: AccuracyReport | None = None,
) -> Estimate:
    """Estimate a network on the chip that it is compiled for.

    Parameters
    ----------
    network : Library or Program
        A library also says why parts of it are no operators of ESP-DL.
    settings : Settings, optional
        What the firmware sets otherwise than exported projects.
    kernels : str
        As for `export_project`: whose kernels are called.
    notes : sequence of str
        What else the report is to say.
    calibration : Calibration, optional
        Factors of the user's own board, as `calibration.load_calibration` reads them.
    left_out : int
        Operators that were taken out of the model, for nobody compiles them.
    accuracy : AccuracyReport, optional
        Of the quantization that made the network, as `files.accuracy_report.read_accuracy` reads
        it: for text, JSON and page.

    Raises
    ------
    EspdlError
        If a setting makes no sense, or there is no such preference for kernels; or if the report
        is about another network, or another quantization of this one.
    """
    program = network if isinstance(network, Program) else network.program
    if accuracy is not None:
        covered = {name for step in program.steps for name in step.covers}
        known = {*program.values, *covered}
        where = "argument accuracy"
        origin = "" if isinstance(network, Program) else network.origin
        accuracy.check_network(program.chip.name, (identity(program), origin), known, where)
    worked_in = {} if isinstance(network, Program) else network.workspaces()
    figures = figures_of(program, settings, kernels, calibration=calibration, workspaces=worked_in)
    reasons = () if isinstance(network, Program) else network.report(kernels=kernels).reasons
    return Estimate(figures, tuple(reasons), tuple(notes), left_out, accuracy)
