"""Arrays inside an `.npz` archive, read row by row: compressed or not, never whole.

Must never unpickle, and leaves no file open once it was read to its end or closed.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..errors import DataError
from ..files.array_headers import FREE_BYTES, MOST_EXPANSION, READING_ERRORS, read_header, reason
from ..onnx_graphs.graph import Array
from .folder import IMAGE_SUFFIXES


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what NumPy and zipfile say about a damaged file into one clear refusal."""
    try:
        yield
    except READING_ERRORS as problem:
        image = path.suffix.lower() in IMAGE_SUFFIXES
        raise DataError(
            "the calibration file cannot be read",
            where=str(path),
            found=reason(problem),
            allowed="an .npy or .npz file of plain numbers",
            try_="give the folder of the images, not one of them"
            if image
            else "write it with numpy.save(path, array)",
        ) from problem


class Member:
    """One array of an archive, rows of which are read forwards; shape, dtype and ndim as of one."""

    def __init__(self, path: Path, entry: str) -> None:
        self._path, self._entry = path, entry
        self._stream: IO[bytes] | None = None
        self._next = 0
        with self._opened() as stream:
            self.shape, self._fortran, self.dtype = read_header(stream)
        self.ndim = len(self.shape)

    def __getitem__(self, rows: slice) -> Array:
        """Rows `start` to `stop` along the first axis.

        Raises
        ------
        DataError
            If the archive is damaged there.
        """
        with explained(self._path):
            if self._fortran or self.ndim == 0:
                return self._whole()[rows] if self.ndim else self._whole()
            start, stop, _ = rows.indices(self.shape[0])
            if self._stream is None or start != self._next:
                self._close()
                self._stream, self._next = self._opened(), start
                read_header(self._stream)
                self._stream.read(start * self._row_bytes())
            return self._read(self._stream, stop - start)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """All of it, for inputs without a batch axis."""
        del dtype, copy
        with explained(self._path):
            return self._whole()

    def _whole(self) -> Array:
        size = math.prod(self.shape) * self.dtype.itemsize
        if size > max(FREE_BYTES, MOST_EXPANSION * self._path.stat().st_size):
            raise ValueError(f"array {self._entry!r} would take {size:,} bytes")
        with self._opened() as stream:
            return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))

    def _read(self, stream: IO[bytes], count: int) -> Array:
        wanted = count * self._row_bytes()
        data = stream.read(wanted)
        if len(data) != wanted:
            raise EOFError(f"array {self._entry!r} ends before its last sample")
        self._next += count
        if self._next >= self.shape[0]:
            self._close()
        return np.frombuffer(data, dtype=self.dtype).reshape(count, *self.shape[1:])

    def _row_bytes(self) -> int:
        return int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize

    def _opened(self) -> IO[bytes]:
        # The archive stays open for as long as its member does, and is closed with it.
        with zipfile.ZipFile(self._path) as archive:
            return archive.open(self._entry)

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def __del__(self) -> None:
        if getattr(self, "_stream", None) is not None:
            self._close()


def entries_of(path: Path) -> dict[str, str]:
    """The entries of an archive, by the names of their arrays; none of them is opened.

    Raises
    ------
    ValueError, OSError, EOFError, zipfile.BadZipFile
        If the file is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        return {entry.removesuffix(".npy"): entry for entry in archive.namelist()}
