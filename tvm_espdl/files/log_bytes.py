"""The bytes of a serial monitor's log, piece by piece, as plain lines of UTF-8.

Whatever wrote the log: UTF-16 of PowerShell's `>`, carriage returns, colours, NULs of a line that
was switched on. A log may be larger than memory.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from ..errors import DataError

#: Bytes of a log that are read at once.
PIECE = 1 << 20
#: A line is cut here, so that a file without lines does not fill the memory.
_LONGEST_LINE = 1 << 20

#: Escape sequences of terminals, colours among them.
_ESCAPE = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")
_DIFFERENT = 8
_WIDE = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


class PlainLines:
    """Makes whole lines of what comes in; the same, wherever that is cut into pieces."""

    def __init__(self) -> None:
        self._begin = b""
        self._begun = False
        self._decoder: codecs.IncrementalDecoder | None = None
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """The lines that are whole now, each with its end."""
        data = self._as_utf8(data)
        if b"\0" in data:
            data = data.replace(b"\0", b"")
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        end = data.rfind(b"\n") + 1
        if not end:
            self._rest += data
            if len(self._rest) < _LONGEST_LINE:
                return b""
            whole, self._rest = self._rest + b"\n", b""
            return _plain(whole)
        whole, self._rest = self._rest + data[:end], data[end:]
        return _plain(whole)

    def end(self) -> bytes:
        """The line that has no end, with one; nothing where there is none."""
        if not self._begun:
            self._begun, begin, self._begin = True, self._begin, b""
            return self.feed(begin) + self.end()
        rest, self._rest = self._rest, b""
        return _plain(rest + b"\n") if rest else b""

    def _as_utf8(self, data: bytes) -> bytes:
        if not self._begun:
            self._begin += data
            if len(self._begin) < len(codecs.BOM_UTF16_LE):
                return b""
            self._begun, data, self._begin = True, self._begin, b""
            wide = _WIDE.get(data[:2])
            if wide is not None:
                self._decoder = codecs.getincrementaldecoder(wide)(errors="replace")
        if self._decoder is None:
            return data
        return self._decoder.decode(data).encode("utf-8", errors="replace")


def log_pieces(path: Path) -> Iterator[bytes]:
    """The lines of a log, about `PIECE` bytes of them at once.

    Raises
    ------
    DataError
        If the file cannot be read.
    """
    lines = PlainLines()
    try:
        if path.exists() and not path.is_file():
            raise OSError("no regular file")  # a pipe would be waited for
        with path.open("rb") as file:
            while data := file.read(PIECE):
                yield lines.feed(data)
    except OSError as error:
        raise DataError(
            "the log cannot be read", where=str(path), found=error.strerror or str(error)
        ) from error
    yield lines.end()


def _plain(lines: bytes) -> bytes:
    # A log has few different ones, and many of each.
    for _ in range(_DIFFERENT):
        found = _ESCAPE.search(lines) if b"\x1b" in lines else None
        if found is None:
            return lines
        lines = lines.replace(found[0], b"")
    return _ESCAPE.sub(b"", lines)
