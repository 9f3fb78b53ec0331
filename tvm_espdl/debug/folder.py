"""The binary forms of a dump: a folder of `<name>.npy`, and an `.npz`."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

from ..errors import DataError, OutputError
from ..files.array_files import npy, read_arrays
from ..files.dump_names import file_stem, name_of_stem
from ..files.output_files import write_folder
from ..ops.base.rounding import Array
from .dump import Dump


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


def read_folder(folder: Path) -> Dump:
    """Read a folder of `<name>.npy`.

    Raises
    ------
    DataError
        If it holds none, or one of them is no array file.
    """
    files = sorted(file for file in folder.iterdir() if file.name.endswith(".npy"))
    if not files:
        raise DataError(
            "the folder holds no dump", where=str(folder), allowed="<name>.npy for each tensor"
        )
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


def read_archive(path: Path) -> Dump:
    """Read an `.npz`.

    Raises
    ------
    DataError
        If it is none.
    """
    dump = Dump(read_arrays(path))
    if not zipfile.is_zipfile(path):
        raise DataError("the file cannot be read as an array", where=str(path), allowed="an .npz")
    with zipfile.ZipFile(path) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
    twice = sorted({name for name in names if names.count(name) > 1})
    dump.problems += [f"{name}: stands twice in the archive" for name in twice]
    return dump
