"""The text form of a dump, as it stands in a serial monitor's log among other lines.

Of several runs the last complete one is taken. Runs before it are superseded; of those after it
only a missing tail is forgiven, for the monitor was stopped there: damage in them is a problem.
"""

from __future__ import annotations

import base64
import binascii
import io
import math
import re
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import DataError
from ..files.dump_names import decoded
from .dump import Checksum, Dump

#: Escape sequences of terminals, colours among them.
_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_MARK = "@espdl "
_FORMS = {
    "begin": re.compile(r"(v\S*) (\S+) ([0-9]{1,9})"),
    "tensor": re.compile(
        r"([0-9]{1,9}) (\S+) (\w+) ([0-9]{1,10}(?:x[0-9]{1,10})*) (-?[0-9]{1,4}) ([0-9]{1,12}) "
        r"([0-9a-fA-F]{8})"
    ),
    "data": re.compile(r"([0-9]{1,9}) ([0-9]{1,12}) ([A-Za-z0-9+/]{2,64}={0,2})"),
    "end": re.compile(r"([0-9]{1,9})"),
    "done": re.compile(r"([0-9]{1,9})"),
}
#: What a firmware's tensors can be; `numpy.dtype` would read much more into a damaged word.
_DTYPES = {
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64"),
}
_LONGEST_LINE = 48


def read_log(path: Path) -> Dump:
    """Read a monitor's log.

    Raises
    ------
    DataError
        If it cannot be read, or holds nothing of a dump.
    """
    try:
        with path.open("rb") as file:
            wide = file.read(2) in (b"\xff\xfe", b"\xfe\xff")  # as PowerShell's `>` writes it
        with path.open(encoding="utf-16" if wide else "utf-8", errors="replace") as text:
            dump = parse_lines(text)
    except OSError as error:
        raise DataError(
            "the log cannot be read", where=str(path), found=error.strerror or str(error)
        ) from error
    if not (dump.tensors or dump.checksums or dump.problems or dump.model_id):
        raise DataError(
            "the log holds no dump",
            where=str(path),
            allowed="lines that start with @espdl",
            try_="build the firmware with TVM_ESPDL_DUMP (see crt_config.h)",
        )
    return dump


def parse_log(text: str) -> Dump:
    """Read the text form from a string; see `parse_lines`."""
    return parse_lines(io.StringIO(text, newline=None))


def parse_lines(lines: Iterable[str]) -> Dump:
    """Read the text form; of several runs the last complete one wins, else the last.

    Other lines than those of dumps are skipped.
    """
    log = _Log()
    for line in lines:
        # A reset can cut a line off, so that the next one begins in its middle.
        for part in _ESCAPE.sub("", line).split(_MARK)[1:]:
            kind, _, rest = part.rstrip().partition(" ")
            if kind != "profile":
                log.take(kind, rest)
    return log.dump()


class _Log:
    """The runs of a log, of which only the one that wins is kept."""

    def __init__(self) -> None:
        self._number = 0
        self._run: _Run | None = None
        self._best: _Run | None = None
        self._damaged: list[str] = []  # of runs after the best
        self._cut = 0

    def take(self, kind: str, rest: str) -> None:
        """Read one line of a dump."""
        run = self._run
        if run is None or run.done or kind == "begin":
            self._set_aside()
            run = self._run = _Run(headless=kind != "begin")
            self._number += 1
        run.take(kind, rest)
        if run.complete:
            self._best, self._damaged, self._cut = run, [], 0

    def _set_aside(self) -> None:
        """Keep of the last run only what must be said of it."""
        run = self._run
        if run is None or run is self._best:
            return
        if run.only_cut:
            self._cut += 1
        else:
            problem = run.finished().problems[0]
            self._damaged.append(f"run {self._number} of the log is damaged: {problem}")

    def dump(self) -> Dump:
        """Of the run that wins; empty where there is none."""
        if self._run is None:
            return Dump(by_firmware=True)
        if self._best is None:
            dump = self._run.finished()
            if self._number > 1:
                dump.notes.append(f"none of {self._number} runs is complete, the last is taken")
            return dump
        self._set_aside()
        dump = self._best.dump
        dump.problems += self._damaged
        if self._cut:
            dump.notes.append(f"{self._cut} runs that did not end are left out")
        return dump


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


class _Run:
    """One run of the network, from its `begin` line on; that is lost of a `headless` one."""

    def __init__(self, headless: bool) -> None:
        self.dump = Dump(by_firmware=True)
        if headless:
            self.dump.problems.append("the first line of a run is missing")
        self.done = False
        self._announced: int | None = None
        self._received = 0
        self._open: dict[int, _Open] = {}
        self._indices: set[int] = set()
        self._names: set[str] = set()
        self._lost: set[int] = set()
        self._last_line_reports = 0

    @property
    def complete(self) -> bool:
        """Whether it ended, and nothing of it is damaged or lost."""
        return self.done and not self.dump.problems

    @property
    def only_cut(self) -> bool:
        """Whether nothing but its tail is missing; the line it is cut in may be damaged."""
        return not self.done and len(self.dump.problems) == self._last_line_reports

    def report(self, problem: str) -> None:
        """Note a problem of the line that is being read."""
        self.dump.problems.append(problem)
        self._last_line_reports += 1

    def take(self, kind: str, rest: str) -> None:
        """Read one line of it."""
        self._last_line_reports = 0
        steps: dict[str, Callable[..., None]] = {
            **{"begin": self._begin, "tensor": self._tensor, "data": self._data},
            **{"end": self._end, "done": self._done},
        }
        fields = _FORMS[kind].fullmatch(rest) if kind in _FORMS else None
        if fields is None:
            self.report(f"a damaged line: @espdl {kind[:20]} {rest[:60]}")
        else:
            steps[kind](*fields.groups())

    def _begin(self, version: str, model_id: str, tensors: str) -> None:
        if version != "v1":
            self.report(f"dump format {version}, this version reads v1")
        self.dump.model_id = model_id
        self._announced = int(tensors)

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
        self._indices.add(int(index))
        self._names.add(tensor.name)
        self._open[int(index)] = tensor

    def _twice(self, tensor: _Open) -> None:
        # Which of the two is the right one nobody can know.
        self._damaged(tensor, "stands twice in one run, left out")
        for found in (self.dump.tensors, self.dump.checksums, self.dump.exponents):
            found.pop(tensor.name, None)

    def _damaged(self, tensor: _Open, problem: str) -> None:
        if tensor.whole:
            self.report(f"{tensor.name}: {problem}")
        tensor.whole = False

    def _data(self, index: str, offset: str, text: str) -> None:
        tensor = self._open.get(int(index))
        if tensor is None:
            self._without_head(int(index))
            return
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

    def _end(self, index: str) -> None:
        tensor = self._open.pop(int(index), None)
        if tensor is None:
            self._without_head(int(index))
            return
        self._received += 1
        if not tensor.whole:
            return
        if not tensor.data:
            self.dump.checksums[tensor.name] = Checksum(tensor.dtype, tensor.shape, tensor.checksum)
        elif len(tensor.data) != tensor.size or zlib.crc32(tensor.data) != tensor.checksum:
            self._damaged(tensor, "checksum or size does not fit, left out")
            return
        else:
            values = np.frombuffer(bytes(tensor.data), tensor.dtype)
            self.dump.tensors[tensor.name] = values.reshape(tensor.shape)
        self.dump.exponents[tensor.name] = tensor.exponent

    def _without_head(self, index: int) -> None:
        if index not in self._lost:
            self.report(f"tensor {index}: its first line is missing or damaged")
        self._lost.add(index)

    def _done(self, tensors: str) -> None:
        self.done = True
        self._end_of_run()
        if not int(tensors) == self._received == self._announced:
            announced = "an unknown number" if self._announced is None else self._announced
            self.report(
                f"the run is not complete: {self._received} tensors came, the first line says "
                f"{announced}, the last one {tensors}"
            )

    def _end_of_run(self) -> None:
        for tensor in self._open.values():
            self._damaged(tensor, "the dump ends in the middle of it")
        self._open.clear()

    def finished(self) -> Dump:
        """The dump, with whatever never ended among its problems."""
        self._end_of_run()
        if not self.done:
            self.report("the run is not complete: its last line is missing")
        return self.dump
