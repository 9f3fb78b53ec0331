"""A serial monitor's log: what our firmwares print, among whatever else stands in it.

It finds lines that begin with `@espdl`; what they mean is said by those who read them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from .log_bytes import log_pieces

#: Escape sequences of terminals, colours among them.
_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
MARK = "@espdl "


def log_lines(path: Path) -> Iterator[str]:
    """The lines of a log, whatever ends them, one after the other.

    Raises
    ------
    DataError
        If the file cannot be read.
    """
    for piece in log_pieces(path):
        yield from piece.decode(errors="replace").split("\n")[:-1]


def plain(line: str) -> str:
    """A line without colours and other sequences for terminals."""
    return _ESCAPE.sub("", line)


def marked(line: str) -> list[tuple[str, str]]:
    """What a firmware of ours has printed in a line: first word and rest behind each mark.

    A reset can cut a line off, so that the next one begins in its middle.
    """
    parts = plain(line).split(MARK)[1:]
    words = (part.rstrip().partition(" ") for part in parts)
    return [(kind, rest) for kind, _, rest in words]
