"""What ESP-DL prints of tensors on a board: `TensorBase::print(true)`, and `Model::test()`.

Their lines bear neither names nor checksums: which tensor it is, is told by the line before, by
`Testing output NAME.`, by the user, or by a shape that only one tensor of the network has.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..files.number_text import message, numbers_in_line
from ..ops.base.rounding import Array

_HEAD = re.compile(
    r"shape: \[([0-9, ]*)\], dtype: (\w+), exponent: (-?[0-9]{1,4}), auto_free: [01]"
)
_DATA = "The data of TensorBase is:"
#: One of these stands in every line that is looked at.
_WORDS = ("shape: [", _DATA, "Testing output", "Inconsistent values", "The position is")
_TESTING = re.compile(r"Testing output (.*)\.$")
_UNEQUAL = re.compile(r"Inconsistent values, ground truth: (\S+), infer: (\S+), epsilon: ?\S+")
_POSITION = re.compile(r"The position is: \[([0-9, ]*)\]")
#: As ESP-DL spells them, a slip of its own included.
DTYPES = {
    **{name: name for name in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "bool")},
    **{"unit32": "uint32", "float": "float32", "double": "float64"},
}
#: Lines before a tensor's first in which its name may stand.
_LINES_BEFORE = 3
_MOST_ELEMENTS = 1 << 26


@dataclass
class PrintedTensor:
    """A tensor as `TensorBase::print(true)` prints it.

    Attributes
    ----------
    shape : tuple of int
        In the chip's layout.
    dtype : str
        As NumPy calls it; as ESP-DL does, where NumPy has none.
    exponent : int
        Of its scale.
    before : tuple of str
        The last lines before it, the nearest one first.
    values : list of int or float
        Those that have come.
    """

    shape: tuple[int, ...]
    dtype: str
    exponent: int
    before: tuple[str, ...] = ()
    values: list[int | float] = field(default_factory=list)
    #: Which tensor of the network it is, where the user says so.
    name: str = ""

    @property
    def size(self) -> int:
        """Elements that it has."""
        size = 1
        for extent in self.shape:
            size *= extent
        return size

    @property
    def array(self) -> Array:
        """What has come, flat where that is not all; int64, or float64 where it has decimals."""
        flat = np.asarray(self.values)
        return flat.reshape(self.shape) if flat.size == self.size else flat


@dataclass(frozen=True)
class Spot:
    """One element at which `Model::test()` found the board to differ from the file's test values.

    Attributes
    ----------
    tensor : str
        Its name.
    position : tuple of int
        Where, in the chip's layout.
    stored, board : float
        The two values.
    """

    tensor: str
    position: tuple[int, ...]
    stored: float
    board: float

    def __str__(self) -> str:
        place = ", ".join(map(str, self.position))
        return (
            f"{self.tensor}: Model::test() failed on the board at ({place}): the file's test value "
            f"is {self.stored:g}, the board has {self.board:g}"
        )


@dataclass
class EspDlPrints:
    """All that a log holds of these.

    Attributes
    ----------
    tensors : list of PrintedTensor
        In their order.
    spots : list of Spot
        Failures of `Model::test()`.
    tested : list of str
        Outputs that it has looked at.
    """

    tensors: list[PrintedTensor] = field(default_factory=list)
    spots: list[Spot] = field(default_factory=list)
    tested: list[str] = field(default_factory=list)


def esp_dl_prints(lines: Iterable[str]) -> EspDlPrints:
    """Read a log; lines of others are skipped."""
    found = EspDlPrints()
    before: deque[str] = deque(maxlen=_LINES_BEFORE)
    tensor: PrintedTensor | None = None
    receiving = False
    unequal: tuple[float, float] | None = None
    for line in lines:
        if receiving and tensor is not None and "shape: [" not in line:
            receiving = _received(tensor, line)
            continue
        if any(word in line for word in _WORDS):
            text = message(line)
            if head := _HEAD.search(text):
                shape = _extents(head[1])
                dtype, names = DTYPES.get(head[2], head[2]), map(message, reversed(before))
                tensor = PrintedTensor(shape, dtype, int(head[3]), tuple(names))
                receiving = False
            elif text.startswith(_DATA) and tensor is not None:
                found.tensors.append(tensor)
                receiving = tensor.size <= _MOST_ELEMENTS
            elif testing := _TESTING.search(text):
                found.tested.append(testing[1])
            elif wrong := _UNEQUAL.search(text):
                unequal = _float(wrong[1]), _float(wrong[2])
            elif (place := _POSITION.search(text)) and unequal and found.tested:
                found.spots.append(Spot(found.tested[-1], _extents(place[1]), *unequal))
                unequal = None
        if line.strip():
            before.append(line)
    return found


def _received(tensor: PrintedTensor, line: str) -> bool:
    """Read a line of values; whether more are to come. Lines of other tasks are passed over."""
    numbers = numbers_in_line(line)
    if numbers is not None and len(tensor.values) + len(numbers.values) <= tensor.size:
        tensor.values += numbers.values
    return len(tensor.values) < tensor.size


def _extents(text: str) -> tuple[int, ...]:
    return tuple(int(extent) for extent in re.findall("[0-9]{1,9}", text))


def _float(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return float("nan")


def spots_on_pc(spots: Sequence[Spot], pc: Mapping[str, Array]) -> Iterator[str]:
    """What the PC has where the test failed on the board, a sentence each."""
    for spot in spots:
        array = pc.get(spot.tensor)
        if array is None or len(spot.position) != array.ndim:
            continue
        if any(at >= extent for at, extent in zip(spot.position, array.shape, strict=True)):
            continue
        value = float(array[spot.position])
        words = {spot.board: "as the board", spot.stored: "as the file"}
        yield f"{spot.tensor}: there the PC computes {value:g}, {words.get(value, 'as neither')}"
