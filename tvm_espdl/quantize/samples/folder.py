"""Lists the files of a folder of samples in a fixed order, and says what kind of samples they are.

Must never open a file: names decide.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ...errors import DataError

ARRAY_SUFFIXES = (".npy", ".npz")
IMAGE_SUFFIXES = (
    ".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp",
)  # fmt: skip


def files_below(folder: Path) -> list[Path]:
    """Every file in `folder` and the folders in it, sorted by name; hidden ones are left out."""
    found = (path for path in folder.rglob("*") if path.is_file())
    relative = sorted(path.relative_to(folder).parts for path in found)
    return [
        folder.joinpath(*parts)
        for parts in relative
        if not any(part.startswith(".") for part in parts)
    ]


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
