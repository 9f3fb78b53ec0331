"""Reads samples from `.npy` and `.npz` files without ever having a whole file in memory.

Must never unpickle: files of Python objects are refused.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from ...onnx_model import Signature
from .archive import Member, explained, members_of
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
    if not path.is_file():
        raise DataError(
            "there is no such calibration file",
            where=str(path),
            found="nothing",
            allowed="an .npy or .npz file, or a folder of them or of images",
            try_="check the path; relative paths start at the current folder",
        )
    arrays = _arrays_of(path, signature, where)
    total = max((array.shape[0] for array in arrays.values() if array.ndim), default=1)
    return iter([(arrays, where)]), total


def parts_of_folder(folder: Path, signature: Signature) -> tuple[Iterator[Part], int | None]:
    """The arrays of a folder of .npy or .npz files, each one sample or a batch of them."""
    paths = [path for path in files_below(folder) if path.suffix.lower() in ARRAY_SUFFIXES]
    return _parts_of_paths(paths, signature), len(paths)


def _parts_of_paths(paths: list[Path], signature: Signature) -> Iterator[Part]:
    for path in paths:
        where = f"calibration file {path}"
        arrays = _arrays_of(path, signature, where)
        with explained(path):
            whole = {name: np.asarray(array[:]) for name, array in arrays.items()}
        yield {name: with_batch(a, signature[name][0]) for name, a in whole.items()}, where


def _arrays_of(path: Path, signature: Signature, where: str) -> dict[str, Any]:
    with explained(path):
        if not zipfile.is_zipfile(path):
            # Mapped, an .npy file of any size costs only the samples in use.
            return named(np.lib.format.open_memmap(path, mode="r"), signature, where)
        members = members_of(path)
    if len(members) == len(signature) == 1:
        return {next(iter(signature)): next(iter(members.values()))}
    # There may be labels and the like besides; what no input is called after is not read.
    used: dict[str, Member] = {name: members[name] for name in signature if name in members}
    require_all(used or members, signature, where)
    return used
