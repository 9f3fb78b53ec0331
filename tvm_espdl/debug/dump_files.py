"""Board dumps: the text form from a serial monitor, a folder of `.npy` files, an `.npz`.

The folder is written here, too. Reading never guesses: what is damaged or missing is reported.
"""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, OutputError
from ..files.array_files import npy, read_arrays
from ..files.dump_names import file_stem, name_of_stem
from ..files.output_files import path_of, write_folder
from ..ops.base.rounding import Array
from .dump import Dump
from .monitor_log import read_log
from .printed_dump import read_printed
from .typed_values import split_typed

Source = str | os.PathLike[str] | Mapping[str, Any] | Dump


def save_folder(folder: Path, tensors: Mapping[str, Array]) -> None:
    """Write `<name>.npy` for each tensor; the folder appears whole or not at all.

    Parameters
    ----------
    folder : path
        One that does not exist yet, or is empty.
    tensors : dict of str to numpy.ndarray
        By the model's names; `files.dump_names.file_stem` says what their files are called.

    Raises
    ------
    OutputError
        If something is in the folder already, or it cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(
            "the folder holds a dump already", where=str(folder), try_="an empty folder"
        )
    write_folder(folder, {Path(f"{file_stem(n)}.npy"): npy(a) for n, a in tensors.items()})


def read_dump(source: Source, tensors: str | Sequence[str] = ()) -> Dump:
    """Read a dump in any of its forms.

    Parameters
    ----------
    source : path, mapping or Dump
        A monitor's log, a folder of `<name>.npy`, an `.npz`, or `{name: array}`; what is a list or
        text there is taken for the first values of its tensor. A log may also hold what ESP-DL's
        own runtime prints of tensors. Of a `Dump` a copy is given back.
    tensors : str or sequence of str, optional
        Names of what is printed without names, in its order: of the tensors that ESP-DL has
        printed, else of the groups of numbers in a text.

    Raises
    ------
    DataError
        If there is no such file, it is damaged, or nothing of a dump is in it; or `tensors` are no
        names.
    """
    tensors = _names(tensors)
    if isinstance(source, Dump):
        return source.copy()
    if isinstance(source, Mapping):
        _refuse_names(tensors, "a mapping")
        own, typed = split_typed(source)
        return Dump({name: _array(name, value) for name, value in own.items()}, typed=typed)
    path = path_of(source, "the dump", DataError)
    if path.is_dir():
        _refuse_names(tensors, str(path))
        return _read_folder(path)
    if not path.is_file():
        raise DataError("there is no such dump", where=str(path))
    if path.suffix == ".npz":
        _refuse_names(tensors, str(path))
        return _read_archive(path)
    return read_printed(path, tensors) if tensors else read_log(path)


def _names(tensors: str | Sequence[str] | None) -> tuple[str, ...]:
    given: object = () if tensors is None else tensors
    names = (given,) if isinstance(given, str) else given
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        allowed = "a name for each printed tensor or group of numbers, in their order"
        raise DataError("no names", where="tensors", found=repr(tensors), allowed=allowed)
    return tuple(names)


def _refuse_names(tensors: Sequence[str], where: str) -> None:
    if tensors:
        raise DataError(
            "names of tensors are for a log or another text",
            where=where,
            found=", ".join(tensors),
            allowed="the names that the arrays have",
        )


def _array(name: str, value: Any) -> Array:
    try:
        return np.asarray(value.numpy() if hasattr(value, "numpy") else value)
    except ValueError as error:
        raise DataError("no array", where=name, found=str(error)) from None


def _read_folder(folder: Path) -> Dump:
    files = sorted(file for file in folder.iterdir() if file.name.endswith(".npy"))
    if not files:
        allowed = "<name>.npy for each tensor"
        raise DataError("the folder holds no dump", where=str(folder), allowed=allowed)
    dump = Dump()
    for file in files:
        name = name_of_stem(file.name.removesuffix(".npy"))
        arrays = read_arrays(file)
        if set(arrays) != {""}:
            raise DataError(
                "the file cannot be read as an array",
                where=str(file),
                found="several arrays",
                allowed="what numpy.save writes",
            )
        if name in dump.tensors:
            dump.problems.append(f"{name}: stands twice in the folder")
        dump.tensors[name] = arrays[""]
    return dump


def _read_archive(path: Path) -> Dump:
    dump = Dump(read_arrays(path))
    if not zipfile.is_zipfile(path):
        raise DataError("the file cannot be read as an array", where=str(path), allowed="an .npz")
    with zipfile.ZipFile(path) as archive:
        names = Counter(name.removesuffix(".npy") for name in archive.namelist())
    twice = sorted(name for name, count in names.items() if count > 1)
    dump.problems += [f"{name}: stands twice in the archive" for name in twice]
    return dump
