"""What a comparison of a board with the PC has found, as plain data.

It shows nothing: text, JSON and HTML are made from it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..ops.base.rounding import Array
from ..report.text import visible
from .layers import Layer


@dataclass(frozen=True)
class Difference:
    """A tensor that differs."""

    #: The model's name.
    tensor: str
    #: Values that differ, and values compared.
    count: int
    elements: int
    #: Flat index of the first difference, in the chip's layout.
    first: int
    #: The two values there.
    board: float
    pc: float
    #: Largest absolute difference: quantization steps of integers, else as it is.
    largest: float
    #: The same index for each axis, and their names: `NHWC` and the like, "" where unknown.
    index: tuple[int, ...] = ()
    axes: str = ""
    #: Signal of the PC to the difference, in dB; -inf where the PC has zeros only.
    snr_db: float = float("nan")
    #: Whether the values are integers, so that differences are steps.
    in_steps: bool = False

    @property
    def share(self) -> float:
        """Of the compared values, those that differ: 0 to 1."""
        return self.count / self.elements

    @property
    def place(self) -> str:
        """The first index in words."""
        if len(self.index) < 2:
            return str(self.first)
        names = f" ({', '.join(self.axes.lower())})" if self.axes else ""
        return f"({', '.join(map(str, self.index))}){names}"

    def __str__(self) -> str:
        steps = (" step" if self.largest == 1 else " steps") if self.in_steps else ""
        snr = "" if math.isnan(self.snr_db) else f", SNR {self.snr_db:.1f} dB"
        return (
            f"{self.tensor}: {self.count} of {self.elements} values differ ({self.share:.2%}), "
            f"first at {self.place} (board {self.board:g}, PC {self.pc:g}), largest difference "
            f"{self.largest:g}{steps}{snr}"
        )


@dataclass(frozen=True)
class ChecksumDifference:
    """A tensor that differs, of which the board has sent only the checksum."""

    #: The model's name.
    tensor: str
    #: CRC-32 of the bytes.
    board: int
    pc: int

    def __str__(self) -> str:
        return f"{self.tensor}: checksum {self.board:08x} on the board, {self.pc:08x} on the PC"


@dataclass(frozen=True)
class Part:
    """A tensor of which the dump has only the first values; these are equal."""

    #: The model's name.
    tensor: str
    #: Values in the dump, and values in the tensor.
    compared: int
    elements: int

    def __str__(self) -> str:
        return f"{self.tensor}: equal as far as it goes, first {self.compared} of {self.elements}"


@dataclass(frozen=True)
class Explained:
    """A known mistake that gives all of the board's values of a layer, bit for bit."""

    #: Stable, for programs; the name of its file.
    name: str
    #: What has happened, as a sentence; what exactly; what to do about it.
    sentence: str
    detail: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.sentence} Here: {self.detail}. Try: {self.remedy}"


#: A layer that computes something else of its own inputs; one that only passes on an error; one of
#: which that cannot be told.
Verdict = Literal["culprit", "inherits", "unknown"]


@dataclass(frozen=True)
class Fault:
    """Whose fault the difference of a tensor is."""

    #: The tensor, by the program's name, and the call that computes it.
    tensor: str
    layer: Layer | None
    verdict: Verdict
    #: Why, as a sentence.
    why: str
    #: For a culprit, every known mistake that fits; the most specific first.
    explanations: tuple[Explained, ...] = ()
    #: For a culprit, what helps a human, a sentence each.
    statistics: tuple[str, ...] = ()
    #: Layers of which one is the culprit, where the tensors between them are not in the dump.
    suspects: tuple[Layer, ...] = ()


#: What has become of a tensor.
Status = Literal["equal", "differs", "part", "not comparable", "missing"]


@dataclass(frozen=True)
class TensorRow:
    """A tensor of the network, in the order of execution."""

    #: By the program's name, and the call that computes it: None for inputs and states.
    tensor: str
    layer: Layer | None
    #: In the chip's layout; the exponent is None for floats.
    dtype: str
    shape: tuple[int, ...]
    exponent: int | None
    #: Names of the axes, `NHWC` and the like; "" where unknown.
    axes: str
    status: Status
    #: How it differs.
    difference: Difference | ChecksumDifference | None = None
    #: Whose fault that is.
    fault: Fault | None = None

    @property
    def snr_db(self) -> float:
        """Infinite where equal; not a number where that is unknown."""
        if self.status == "equal":
            return float("inf")
        return self.difference.snr_db if isinstance(self.difference, Difference) else float("nan")


@dataclass(frozen=True)
class ComparisonRows:
    """Everything that a comparison has found.

    Attributes
    ----------
    equal : tuple of str
        Tensors that are whole and agree bit for bit.
    differences : tuple of Difference or ChecksumDifference
        Those that do not, in the order of execution.
    partial : tuple of Part
        Those of which the dump has only the first values, which agree.
    missing : tuple of str
        Tensors of the network that the dump does not have.
    problems : tuple of str
        What could not be compared, what was damaged, and what keeps equality from being shown.
    notes : tuple of str
        What was left out without being needed.
    rows : tuple of TensorRow
        Every tensor of the network; empty where nothing could be computed.
    chip : str
        Whose bits the PC has computed.
    own_input : bool
        Whether the network was fed with the dump's own input, which is then not compared with
        anything.
    pictures : mapping of str to numpy.ndarray
        Differences, board less PC, of a few tensors that a page shows.
    advice : tuple of str
        What to have the board print next, where only checksums of what differs are there.
    """

    equal: tuple[str, ...] = ()
    differences: tuple[Difference | ChecksumDifference, ...] = ()
    partial: tuple[Part, ...] = ()
    missing: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    rows: tuple[TensorRow, ...] = field(default=(), repr=False)
    chip: str = ""
    own_input: bool = False
    pictures: Mapping[str, Array] = field(default_factory=dict, compare=False, repr=False)
    advice: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything compared is equal and whole, outputs included, and nothing damaged."""
        return bool(self.equal) and not (self.differences or self.partial or self.problems)

    def __bool__(self) -> bool:
        return self.ok

    @property
    def first(self) -> Difference | ChecksumDifference | None:
        """The first tensor that differs, in the order of execution, or None."""
        return self.differences[0] if self.differences else None

    @property
    def first_layer(self) -> Layer | None:
        """The call that computes `first`; None without one, and for an input."""
        found = [row.layer for row in self.rows if row.difference is not None]
        return found[0] if found else None

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Whose fault each differing tensor is."""
        return tuple(row.fault for row in self.rows if row.fault is not None)

    @property
    def culprits(self) -> tuple[Fault, ...]:
        """Layers that compute something else of the board's own inputs."""
        return tuple(fault for fault in self.faults if fault.verdict == "culprit")


def shown(text: object) -> str:
    """As a line of text: what a terminal would obey is shown, never sent."""
    return visible(str(text))
