"""What `.npy` data say of themselves before they are read, and how damaged files show.

Nothing is allocated for a shape that a file merely claims.
"""

from __future__ import annotations

import lzma
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np

#: Everything that NumPy and zipfile raise on damaged, encrypted or foreign files.
READING_ERRORS = (
    *(ValueError, TypeError, SyntaxError, OverflowError, RuntimeError, NotImplementedError),
    *(OSError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(tokenize.TokenError, RecursionError, KeyError),
)

#: Arrays of so many bytes are read whatever the size of their file.
FREE_BYTES = 64 << 20
#: How many bytes of larger ones may come out of one byte of an archive.
MOST_EXPANSION = 100

Header = tuple[tuple[int, ...], bool, "np.dtype[Any]"]


def reason(error: BaseException) -> str:
    """One line of what a reader said."""
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__


def read_header(stream: IO[bytes]) -> Header:
    """Shape, whether columns come first, and dtype of the array at the start of a stream.

    Raises
    ------
    READING_ERRORS
        If it is damaged, or holds no plain numbers.
    """
    formats = np.lib.format
    version = formats.read_magic(stream)
    readers = {(1, 0): formats.read_array_header_1_0, (2, 0): formats.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"array format {version[0]}.{version[1]} holds no plain numbers")
    shape, fortran, dtype = readers[version](stream)
    if dtype.hasobject:
        raise ValueError("Object arrays cannot be loaded")
    if any(length < 0 for length in shape):
        raise ValueError(f"an array of shape {shape}")
    return shape, fortran, dtype


def check_headers(path: Path) -> None:
    """Look at the headers of an `.npy` or `.npz` alone.

    Raises
    ------
    READING_ERRORS
        If one is damaged, or the arrays are far larger than their file can honestly hold.
    """
    if not zipfile.is_zipfile(path):
        with path.open("rb") as stream:
            read_header(stream)
        return
    total = 0
    with zipfile.ZipFile(path) as archive:
        for entry in archive.namelist():
            with archive.open(entry) as stream:
                shape, _, dtype = read_header(stream)
            total += int(np.prod([float(length) for length in (*shape, dtype.itemsize)]))
    if total > max(FREE_BYTES, MOST_EXPANSION * path.stat().st_size):
        raise ValueError(f"its arrays would take {total:,} bytes")
