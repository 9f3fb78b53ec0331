"""Reads and writes arrays for the command line: `.npy` for one tensor, `.npz` for several.

Nothing that exists is overwritten, and a file appears whole or not at all.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, OutputError
from ..ops.base.rounding import Array
from .array_headers import READING_ERRORS, check_headers, reason
from .output_files import FilePath, check_new, path_of, write_whole


def read_arrays(path: FilePath) -> dict[str, Array]:
    """Every array of an `.npz` by its name; that of an `.npy` under the name "".

    Raises
    ------
    DataError
        If the file is missing or no array file.
    """
    file = Path(path)
    if not file.is_file():
        raise DataError("there is no such file", where=str(path), allowed="an .npy or .npz file")
    try:
        check_headers(file)
        loaded: Any = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            arrays = {"": loaded}
        else:
            with loaded:
                arrays = {name: loaded[name] for name in loaded.files}
    except READING_ERRORS as error:
        raise DataError(
            "the file cannot be read as an array",
            where=str(path),
            found=reason(error),
            allowed="what numpy.save or numpy.savez writes",
        ) from error
    return arrays


def load_arrays(path: FilePath, names: Sequence[str]) -> dict[str, Array]:
    """Read one array for each of `names`; a single one may have any name in its file.

    Raises
    ------
    DataError
        If the file is missing, no array file, or lacks an input.
    """
    arrays = read_arrays(path)
    if len(arrays) == 1 and len(names) == 1:
        return {names[0]: next(iter(arrays.values()))}
    missing = [name for name in names if name not in arrays]
    if missing:
        raise DataError(
            "the file lacks an input",
            where=str(path),
            found=", ".join(name or "one unnamed array" for name in arrays),
            allowed=", ".join(names),
        )
    return {name: arrays[name] for name in names}


def check_array_path(path: FilePath) -> None:
    """Refuse a name that says nothing of the form: an `OutputError`."""
    if path_of(path).suffix not in (".npy", ".npz"):
        raise OutputError(
            "the name does not tell the form",
            where=str(path),
            found=Path(path).suffix or "no ending",
            allowed=".npy for one array, .npz for several",
        )


def save_arrays(path: FilePath, arrays: Mapping[str, Array]) -> None:
    """Write one array to an `.npy`, several to an `.npz`.

    Raises
    ------
    OutputError
        If the file exists, has another ending, or an `.npy` should hold several arrays.
    """
    check_array_path(path)
    check_new(path)
    file = Path(path)
    if file.suffix != ".npz" and len(arrays) > 1:
        raise OutputError(
            "an .npy file holds one array",
            where=str(path),
            found=f"{len(arrays)} outputs",
            try_="a name that ends in .npz",
        )
    if file.suffix == ".npz":
        write_whole(file, _npz(arrays))
    else:
        write_whole(file, npy(next(iter(arrays.values()))))


def npy(array: Array) -> bytes:
    """The bytes of an `.npy` file."""
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def _npz(arrays: Mapping[str, Array]) -> bytes:
    # Not numpy.savez: names are its keyword arguments, and one may be called `file`.
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, array in arrays.items():
            archive.writestr(f"{name}.npy", npy(array))
    return stream.getvalue()
