"""Tensors as our firmwares print them: `tensor`, `data` and `end` lines.

Nothing is guessed: a tensor is taken whole, with the right checksum, or its damage is reported.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import string
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..ops.base.rounding import Array
from .dump_names import decoded

_FORMS = {
    "tensor": re.compile(
        r"([0-9]{1,9}) (\S+) (\w+) ([0-9]{1,10}(?:x[0-9]{1,10})*) (-?[0-9]{1,4}) ([0-9]{1,12}) "
        r"([0-9a-fA-F]{8})"
    ),
    "data": re.compile(r"([0-9]{1,9}) ([0-9]{1,12}) ([A-Za-z0-9+/]{2,64}={0,2})"),
    "end": re.compile(r"([0-9]{1,9})"),
}
#: What a firmware's tensors can be; `numpy.dtype` would read much more into a damaged word.
_DTYPES = {
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64"),
}
_LONGEST_LINE = 48
#: Characters of base64 in a full line.
_FULL_LINE = 64
#: More than any firmware has, of tensors and of bytes in one.
_MOST_TENSORS, _MOST_BYTES = 100_000, 1 << 26
_BASE64 = (string.ascii_letters + string.digits + "+/").encode()


@dataclass(frozen=True)
class Checksum:
    """A tensor of which the board has sent no data."""

    #: As NumPy calls it.
    dtype: str
    #: In the chip's layout.
    shape: tuple[int, ...]
    #: CRC-32 of its bytes.
    crc: int


@dataclass
class _Open:
    """A tensor that is being received."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    exponent: int
    size: int
    checksum: int
    data: bytearray = field(default_factory=bytearray)
    whole: bool = True


class PrintedTensors:
    """Receives tensors line by line.

    `report` is told what is damaged, a sentence each.

    Attributes
    ----------
    tensors : dict of str to numpy.ndarray
        Those that came whole, by their names.
    checksums : dict of str to Checksum
        Those that came without data.
    exponents : dict of str to int
        Of both.
    indices : dict of str to int
        Of both, the firmware's numbers.
    received : int
        How many have ended, damaged or not.
    steps : int
        Lines that led on: what a broken firmware may print for ever, such as the same data again,
        does not.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self.tensors: dict[str, Array] = {}
        self.checksums: dict[str, Checksum] = {}
        self.exponents: dict[str, int] = {}
        self.indices: dict[str, int] = {}
        self.received = self.steps = 0
        self._report = report
        self._last: _Open | None = None
        self._last_index = 0
        self._block = 64
        self._open: dict[int, _Open] = {}
        self._indices: set[int] = set()
        self._names: set[str] = set()
        self._lost: set[int] = set()
        self._reached: dict[int, int] = {}  # the last byte of each that came

    def take(self, kind: str, rest: str) -> bool:
        """Read one line; False where it is none of a tensor, or a damaged one."""
        steps: dict[str, Callable[..., None]] = dict(
            tensor=self._tensor, data=self._data, end=self._end
        )
        self._last = None
        fields = _FORMS[kind].fullmatch(rest) if kind in _FORMS else None
        if fields is not None:
            steps[kind](*fields.groups())
        return fields is not None

    def take_full_lines(self, lines: Sequence[bytes], start: int) -> int:
        """Read full lines of data of the tensor that is being received, as `take` would, but fast.

        Parameters
        ----------
        lines : sequence of bytes
            Lines of a log, from number `start` on, each from its mark on and without its end.

        Returns
        -------
        int
            How many of them it has read; the next one has to be given to `take`, or to none.
        """
        tensor = self._last
        if tensor is None or not tensor.whole:
            return 0
        taken = 0
        while True:
            left = (tensor.size - len(tensor.data)) // _LONGEST_LINE
            count = min(left, len(lines) - start - taken, self._block)
            block = lines[start + taken : start + taken + count]
            data = self._full_lines(block)
            tensor.data += data
            taken += len(data) // _LONGEST_LINE
            self.steps += len(data) // _LONGEST_LINE
            if not count or len(data) < _LONGEST_LINE * count:
                return taken

    def _full_lines(self, lines: Sequence[bytes]) -> bytes:
        """The data of the first of some lines, as many as are what comes next."""
        tensor = self._last
        if tensor is None or not lines:
            return b""
        head = b"@espdl data %d " % self._last_index
        count, offset = len(lines), len(tensor.data)
        self._block = min(2 * self._block, 4096)
        while count:
            offsets = range(offset, offset + _LONGEST_LINE * count, _LONGEST_LINE)
            heads = (head + b"%d ") * count % tuple(offsets)
            text = b"".join([line[-_FULL_LINE:] for line in lines[:count]])
            if (
                b"".join([line[:-_FULL_LINE] for line in lines[:count]]) == heads
                and len(text) == _FULL_LINE * count
                and not text.translate(None, _BASE64)
            ):
                return binascii.a2b_base64(text)
            others = (n for n, line in enumerate(lines[:count]) if not line.startswith(head))
            count = next(others, count // 2)
            self._block = max(count, 8)
        return b""

    def finish(self) -> None:
        """Report what has not ended."""
        for tensor in self._open.values():
            self._damaged(tensor, "the dump ends in the middle of it")
        self._open.clear()

    def _tensor(self, *fields: str) -> None:
        index, name, dtype, shape, exponent, size, crc = fields
        tensor = _Open(
            decoded(name),
            dtype,
            tuple(int(extent) for extent in shape.split("x")),
            int(exponent),
            int(size),
            int(crc, 16),
        )
        if int(index) in self._indices or tensor.name in self._names:
            self._twice(tensor)
        elif dtype not in _DTYPES:
            self._damaged(tensor, f"no dtype: {dtype}")
        elif not tensor.size:
            self._damaged(tensor, "no elements")
        elif math.prod(tensor.shape) * np.dtype(dtype).itemsize != tensor.size:
            self._damaged(tensor, f"{tensor.size} bytes do not fit {dtype} of shape {shape}")
        self.steps += int(index) not in self._indices and len(self._indices) < _MOST_TENSORS
        self._indices.add(int(index))
        self._names.add(tensor.name)
        self._open[int(index)] = tensor
        self._last, self._last_index = tensor, int(index)

    def _twice(self, tensor: _Open) -> None:
        # Which of the two is the right one nobody can know.
        self._damaged(tensor, "stands twice in one run, left out")
        self.tensors.pop(tensor.name, None)
        self.checksums.pop(tensor.name, None)
        self.exponents.pop(tensor.name, None)
        self.indices.pop(tensor.name, None)

    def _damaged(self, tensor: _Open, problem: str) -> None:
        if tensor.whole:
            self._report(f"{tensor.name}: {problem}")
        tensor.whole = False

    def _data(self, index: str, offset: str, text: str) -> None:
        tensor = self._open.get(int(index))
        if tensor is None:
            self._without_head(int(index), int(offset))
            return
        if int(offset) < tensor.size:
            self._reach(int(index), int(offset))
        try:
            data = base64.b64decode(text, validate=True)
        except binascii.Error:
            self._damaged(tensor, f"the line of data at byte {offset} is damaged")
            return
        if int(offset) != len(tensor.data):
            self._damaged(tensor, f"data before byte {offset} are missing")
        elif len(data) > _LONGEST_LINE or len(tensor.data) + len(data) > tensor.size:
            self._damaged(tensor, f"too many data at byte {offset}")
        tensor.data += data if tensor.whole else b""
        self._last, self._last_index = tensor, int(index)

    def _end(self, index: str) -> None:
        tensor = self._open.pop(int(index), None)
        if tensor is None:
            self._without_head(int(index), _MOST_BYTES)
            return
        self.received += 1
        self.steps += 1
        if not tensor.whole:
            return
        if not tensor.data:
            self.checksums[tensor.name] = Checksum(tensor.dtype, tensor.shape, tensor.checksum)
        elif len(tensor.data) != tensor.size or zlib.crc32(tensor.data) != tensor.checksum:
            self._damaged(tensor, "checksum or size does not fit, left out")
            return
        else:
            values = np.frombuffer(bytes(tensor.data), tensor.dtype)
            self.tensors[tensor.name] = values.reshape(tensor.shape)
        self.exponents[tensor.name] = tensor.exponent
        self.indices[tensor.name] = int(index)

    def _without_head(self, index: int, offset: int) -> None:
        if index not in self._lost:
            self._report(f"tensor {index}: its first line is missing or damaged")
        self._lost.add(index)
        self._reach(index, offset)

    def _reach(self, index: int, offset: int) -> None:
        """Count a line that is further on in its tensor than all before."""
        if self._reached.get(index, -1) < offset <= _MOST_BYTES:
            self._reached[index] = offset
            self.steps += len(self._reached) < _MOST_TENSORS
