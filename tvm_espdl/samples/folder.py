"""Lists the files of a folder of samples in a fixed order, and says what kind of samples they are.

Must never open a file: names decide.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from ..errors import DataError

ARRAY_SUFFIXES = (".npy", ".npz")
IMAGE_SUFFIXES = (
    ".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp",
)  # fmt: skip


def files_below(folder: Path) -> Iterator[Path]:
    """Every file in `folder` and the folders in it, sorted by name; hidden ones are left out.

    The names of one folder are held at a time. Links to folders are not followed.

    Raises
    ------
    DataError
        If a folder cannot be read.
    """
    names: list[str] = []
    folders = set()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    names.append(entry.name)
                    if entry.is_dir(follow_symlinks=False):
                        folders.add(entry.name)
    except OSError as problem:
        raise DataError(
            "the folder cannot be read",
            where=str(folder),
            found=problem.strerror or type(problem).__name__,
            allowed="a folder that the user may list",
            try_="look at its permissions",
        ) from problem
    names.sort()
    for name in names:
        path = folder / name
        if name in folders:
            yield from files_below(path)
        elif path.is_file():
            yield path


def kind_of_folder(folder: Path) -> Literal["arrays", "images"]:
    """Whether a folder holds samples as arrays or as images.

    Raises
    ------
    DataError
        If it holds neither, or both.
    """
    suffixes = {path.suffix.lower() for path in files_below(folder)}
    arrays = sorted(suffixes.intersection(ARRAY_SUFFIXES))
    images = sorted(suffixes.intersection(IMAGE_SUFFIXES))
    if bool(arrays) == bool(images):
        raise DataError(
            "the folder holds both arrays and images"
            if arrays
            else "the folder holds no calibration data",
            where=str(folder),
            found=", ".join([*arrays, *images] or sorted(suffixes)) or "no file",
            allowed="samples as .npy or .npz files, or as images: " + ", ".join(IMAGE_SUFFIXES),
            try_="give each kind a folder of its own" if arrays else "check the path",
        )
    return "arrays" if arrays else "images"
