"""Board dumps: the text form from a serial monitor, a folder of `.npy` files, an `.npz`.

Reading never guesses: what is damaged or missing is reported, not repaired.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, OutputError
from ..files.array_files import read_arrays
from ..files.dump_names import decoded, encoded
from ..ops.base.rounding import Array

Source = str | os.PathLike[str] | Mapping[str, Any]
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_LINE = re.compile(r"@espdl (\w+) ?(.*)")


@dataclass
class Dump:
    """What a board has sent.

    Attributes
    ----------
    tensors : dict of str to numpy.ndarray
        Whole tensors, or the first values of one as a flat array, by the model's names, in the
        order of execution.
    problems : list of str
        What was damaged or missing, a sentence each.
    model_id : str
        Which network the firmware holds; "" where the form does not say.
    """

    tensors: dict[str, Array] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    model_id: str = ""


def read_dump(source: Source) -> Dump:
    """Read a dump in any of its forms.

    Parameters
    ----------
    source : path or mapping
        A monitor's log, a folder of `<name>.npy`, an `.npz`, or `{name: array}`.

    Raises
    ------
    DataError
        If there is no such file, or nothing of a dump in it.
    """
    if isinstance(source, Mapping):
        return Dump({str(name): np.asarray(array) for name, array in source.items()})
    path = Path(source)
    if path.is_dir():
        files = sorted(path.glob("*.npy"))
        return Dump({decoded(f.stem.replace("|", "/")): read_arrays(f)[""] for f in files})
    if not path.is_file():
        raise DataError("there is no such dump", where=str(path))
    if path.suffix == ".npz":
        return Dump(read_arrays(path))
    dump = parse_log(path.read_text(encoding="utf-8", errors="replace"))
    if not dump.tensors and not dump.problems:
        raise DataError(
            "the log holds no dump",
            where=str(path),
            allowed="lines that start with @espdl",
            try_="build the firmware with TVM_ESPDL_DUMP (see crt_config.h)",
        )
    return dump


def parse_log(text: str) -> Dump:
    """Read the text form; of several runs the last complete one wins, else the last."""
    runs: list[_Run] = []
    # A reset can cut a line off, so that the next one begins in its middle.
    for line in _COLOUR.sub("", text).replace("@espdl ", "\n@espdl ").splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        if found[1] == "begin":
            runs.append(_Run())
        if runs:
            runs[-1].take(found[1], found[2].split())
    complete = [run for run in runs if run.done and not run.dump.problems]
    if not runs:
        return Dump()
    run = complete[-1] if complete else runs[-1]
    return run.finished()


@dataclass
class _Open:
    """A tensor that is being received."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    size: int
    checksum: int
    data: bytearray


class _Run:
    """One run of the network, from its `begin` line on."""

    def __init__(self) -> None:
        self.dump = Dump()
        self.done = False
        self.open: dict[int, _Open] = {}

    def take(self, kind: str, words: list[str]) -> None:
        steps = {
            "begin": self._begin,
            "tensor": self._tensor,
            "data": self._data,
            "end": self._end,
            "done": self._done,
        }
        try:
            steps[kind](words)
        except (ValueError, TypeError, IndexError, KeyError, binascii.Error):
            self.dump.problems.append(f"a damaged line: @espdl {kind} {' '.join(words)[:60]}")

    def _begin(self, words: list[str]) -> None:
        if words[0] != "v1":
            self.dump.problems.append(f"dump format {words[0]}, this version reads v1")
        self.dump.model_id = words[1]

    def _tensor(self, words: list[str]) -> None:
        index, name, dtype, shape, _, size, checksum = words
        self.open[int(index)] = _Open(
            decoded(name),
            str(np.dtype(dtype)),
            tuple(int(extent) for extent in shape.split("x")),
            int(size),
            int(checksum, 16),
            bytearray(),
        )

    def _data(self, words: list[str]) -> None:
        tensor = self.open[int(words[0])]
        if int(words[1]) != len(tensor.data):
            self.dump.problems.append(f"{tensor.name}: data before byte {words[1]} are missing")
            raise ValueError
        tensor.data += base64.b64decode(words[2], validate=True)

    def _end(self, words: list[str]) -> None:
        tensor = self.open.pop(int(words[0]))
        if len(tensor.data) != tensor.size or zlib.crc32(tensor.data) != tensor.checksum:
            self.dump.problems.append(f"{tensor.name}: checksum or size does not fit, left out")
            return
        values = np.frombuffer(bytes(tensor.data), tensor.dtype)
        self.dump.tensors[tensor.name] = values.reshape(tensor.shape)

    def _done(self, words: list[str]) -> None:
        self.done = int(words[0]) == len(self.dump.tensors)

    def finished(self) -> Dump:
        """The dump, with whatever never ended among its problems."""
        for tensor in self.open.values():
            self.dump.problems.append(f"{tensor.name}: the dump ends in the middle of it")
        if not self.done:
            self.dump.problems.append("the run is not complete")
        return self.dump


def save_folder(folder: Path, tensors: Mapping[str, Array]) -> None:
    """Write the binary form: `<name>.npy` for each tensor, `/` in names as `|`.

    Raises
    ------
    OutputError
        If the folder has such files already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.glob("*.npy")):
        raise OutputError(
            "the folder holds a dump already", where=str(folder), try_="an empty folder"
        )
    for name, array in tensors.items():
        np.save(folder / f"{encoded(name).replace('/', '|')}.npy", array)
