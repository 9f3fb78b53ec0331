"""Reads samples from `.npy` and `.npz` files without ever having a whole file in memory.

Must never unpickle: files of Python objects are refused.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from ..onnx_graphs.model import Signature
from .archive import Member, entries_of, explained
from .arrays import Part, named, require_all, with_batch
from .folder import ARRAY_SUFFIXES, files_below


def parts_of_file(path: Path, signature: Signature) -> tuple[Iterator[Part], int | None]:
    """The arrays of a file, and how many samples they hold.

    Raises
    ------
    DataError
        If there is no such file, it cannot be read, or it lacks an input.
    """
    where = f"calibration file {path}"
    arrays = _arrays_of(path, signature, where)
    total = max((array.shape[0] for array in arrays.values() if array.ndim), default=1)
    return iter([(arrays, where)]), total


def array_of_file(path: Path, signature: Signature) -> Any:
    """The array of the single input in `signature`, rows of which are read as they are used.

    Raises
    ------
    DataError
        If there is no such file, it cannot be read, or it holds several arrays of other names.
    """
    (array,) = _arrays_of(path, signature, f"calibration file {path}").values()
    return array


def parts_of_folder(folder: Path, signature: Signature) -> tuple[Iterator[Part], int | None]:
    """The arrays of a folder of .npy or .npz files, each one sample or a batch of them."""
    return _parts_of_paths(_arrays_below(folder), signature), sum(1 for _ in _arrays_below(folder))


def _arrays_below(folder: Path) -> Iterator[Path]:
    return (path for path in files_below(folder) if path.suffix.lower() in ARRAY_SUFFIXES)


def _parts_of_paths(paths: Iterable[Path], signature: Signature) -> Iterator[Part]:
    for path in paths:
        where = f"calibration file {path}"
        arrays = _arrays_of(path, signature, where)
        for name, (shape, _) in signature.items():
            # Of a batch, only the rows in use are read.
            if arrays[name].shape == shape[1:]:
                arrays[name] = with_batch(np.asarray(arrays[name]), shape)
        yield arrays, where


def _arrays_of(path: Path, signature: Signature, where: str) -> dict[str, Any]:
    if not path.is_file():
        raise DataError(
            "there is no such calibration file",
            where=str(path),
            found="nothing",
            allowed="an .npy or .npz file, or a folder of them or of images",
            try_="check the path; relative paths start at the current folder",
        )
    with explained(path):
        if not zipfile.is_zipfile(path):
            # Mapped, an .npy file of any size costs only the samples in use.
            return named(np.lib.format.open_memmap(path, mode="r"), signature, where)
        entries = entries_of(path)
    if len(entries) == len(signature) == 1:
        entries = dict.fromkeys(signature, *entries.values())
    # There may be labels and the like besides; what no input is called after is not read.
    require_all(entries, signature, where)
    with explained(path):
        return {name: Member(path, entries[name]) for name in signature}
