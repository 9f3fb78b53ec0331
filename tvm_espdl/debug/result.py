"""What a comparison of a board with the PC has found, and what it can therefore claim."""

from __future__ import annotations

from dataclasses import dataclass

from ..report.text import visible


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
    #: Largest absolute difference.
    largest: float

    def __str__(self) -> str:
        return (
            f"{self.tensor}: {self.count} of {self.elements} values differ, first at {self.first} "
            f"(board {self.board:g}, PC {self.pc:g}), largest difference {self.largest:g}"
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
class Comparison:
    """The result; true only where the board is shown to compute what the PC computes.

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
    """

    equal: tuple[str, ...] = ()
    differences: tuple[Difference | ChecksumDifference, ...] = ()
    partial: tuple[Part, ...] = ()
    missing: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything compared is equal and whole, outputs included, and nothing damaged."""
        return bool(self.equal) and not (self.differences or self.partial or self.problems)

    def __bool__(self) -> bool:
        return self.ok

    @property
    def first(self) -> Difference | ChecksumDifference | None:
        """The first tensor that differs, or None."""
        return self.differences[0] if self.differences else None

    def __str__(self) -> str:
        lines = [*self.notes, *self.problems, *map(str, self.partial)]
        if self.missing:
            lines.append(f"{len(self.missing)} tensors of the network are not in the dump")
        lines.append(f"{len(self.equal)} tensors equal, {len(self.differences)} differ")
        if self.first is not None:
            lines.append(f"first difference: {self.first}")
        elif not self.ok:
            lines.append("not shown equal")
        return "\n".join(map(visible, lines))
