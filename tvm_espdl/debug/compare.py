"""Names the first tensor, in the order of execution, where a board and the PC part.

It compares bits; what a difference may come from is said only as far as the tensors show it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError
from ..ops.base.rounding import Array
from ..program.identity import identity
from .dump import Dump, Source, read_dump

if TYPE_CHECKING:
    from ..library import Library


@dataclass(frozen=True)
class Difference:
    """A tensor that differs.

    Attributes
    ----------
    tensor : str
        The model's name.
    count, elements : int
        Values that differ, and values compared.
    first : int
        Flat index of the first difference, in the chip's layout.
    board, pc : float
        The two values there.
    largest : float
        Largest absolute difference.
    """

    tensor: str
    count: int
    elements: int
    first: int
    board: float
    pc: float
    largest: float

    def __str__(self) -> str:
        return (
            f"{self.tensor}: {self.count} of {self.elements} values differ, first at {self.first} "
            f"(board {self.board:g}, PC {self.pc:g}), largest difference {self.largest:g}"
        )


@dataclass(frozen=True)
class Comparison:
    """The result; true when everything that was compared is equal.

    Attributes
    ----------
    equal : tuple of str
        Tensors that agree bit for bit.
    differences : tuple of Difference
        Those that do not, in the order of execution.
    missing : tuple of str
        Tensors of the network that the dump does not have.
    problems : tuple of str
        What could not be compared, and what was damaged.
    """

    equal: tuple[str, ...]
    differences: tuple[Difference, ...]
    missing: tuple[str, ...]
    problems: tuple[str, ...]

    def __bool__(self) -> bool:
        return not self.differences and bool(self.equal)

    @property
    def first(self) -> Difference | None:
        """The first tensor that differs, or None."""
        return self.differences[0] if self.differences else None

    def __str__(self) -> str:
        lines = [*self.problems]
        lines.append(f"{len(self.equal)} tensors equal, {len(self.differences)} differ")
        if self.first is not None:
            lines.append(f"first difference: {self.first}")
        return "\n".join(lines)


def compare(lib: Library, dump: Source, inputs: Any = None) -> Comparison:
    """Compare a board's tensors with the PC's.

    Parameters
    ----------
    lib : Library
        The network that the firmware was made from.
    dump : path or mapping
        A monitor's log, a dump folder, an `.npz`, or `{name: array}`; a flat array is compared
        with the first values of its tensor.
    inputs : array, list or dict, optional
        What the board was fed. Where absent, the quantized input in the dump is taken.

    Raises
    ------
    DataError
        If the dump cannot be read, or it lacks the input and none is given.
    """
    board = read_dump(dump)
    if inputs is None:
        inputs = _inputs_of(lib, board.tensors)
    given = dict(inputs) if isinstance(inputs, Mapping) else inputs
    pc = (
        lib.run_with_intermediates(**given)
        if isinstance(given, dict)
        else lib.run_with_intermediates(*(given if isinstance(given, (list, tuple)) else [given]))
    )
    equal, differences, problems = [], [], [*_other_network(lib, board), *board.problems]
    for name, expected in pc.items():
        if name not in board.tensors:
            continue
        result = _difference(name, board.tensors[name], expected)
        if isinstance(result, Difference):
            differences.append(result)
        elif result is None:
            equal.append(name)
        else:
            problems.append(result)
    problems += [
        f"{name}: no such tensor in the network" for name in board.tensors if name not in pc
    ]
    missing = tuple(name for name in pc if name not in board.tensors)
    return Comparison(tuple(equal), tuple(differences), missing, tuple(problems))


def _other_network(lib: Library, board: Dump) -> list[str]:
    expected = identity(lib.program)
    if board.model_id in ("", expected):
        return []
    return [
        f"the firmware holds network {board.model_id}, this one is {expected} on "
        f"{lib.chip.name}: export the project again and flash it, or compare with its own model"
    ]


def _inputs_of(lib: Library, tensors: Mapping[str, Array]) -> dict[str, Array]:
    missing = [name for name in lib.input_names if name not in tensors]
    if missing:
        raise DataError(
            "the dump lacks the network's input",
            found=", ".join(missing),
            try_="compare(lib, dump, inputs=...)",
        )
    return {name: tensors[name] for name in lib.input_names}


def _difference(name: str, board: Array, expected: Array) -> Difference | str | None:
    flat = expected.ravel()
    if board.shape != expected.shape:
        if board.ndim != 1 or board.size > flat.size:
            return f"{name}: shape {board.shape} on the board, {expected.shape} on the PC"
        flat = flat[: board.size]
    values = board.ravel()
    if values.dtype != flat.dtype:
        return f"{name}: {values.dtype} on the board, {flat.dtype} on the PC"
    # Bits, not values: a NaN equals itself, and -0.0 is not 0.0.
    width = flat.dtype.itemsize
    unequal = (values.view(f"u{width}") != flat.view(f"u{width}")).nonzero()[0]
    if not unequal.size:
        return None
    at = int(unequal[0])
    largest = float(np.abs(values.astype(np.float64) - flat.astype(np.float64)).max())
    return Difference(
        name, int(unequal.size), int(flat.size), at, float(values[at]), float(flat[at]), largest
    )
