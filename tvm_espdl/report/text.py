"""Text of at most 100 columns and JSON, as every report writes them.

Names are data of strangers: what a terminal would obey is shown, never sent.
"""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WIDTH = 100


def visible(text: str) -> str:
    """`text` with backslash escapes for control characters and line breaks."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def shorten(text: str, width: int) -> str:
    """The end of `text` in `width` columns: it tells names apart whose long paths are equal."""
    shown = visible(text)
    return shown if len(shown) <= width else f"…{shown[1 - width :]}"


def wrapped(text: str) -> list[str]:
    """`text` in lines of at most `WIDTH` columns, all but the first of them indented."""
    shown = visible(" ".join(text.split()))
    return textwrap.wrap(shown, WIDTH, subsequent_indent="  ", break_on_hyphens=False)


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    #: Its heading.
    title: str
    #: Characters; longer cells lose their beginning.
    width: int
    #: Whether cells end at its right side, as numbers do.
    right: bool = False


def counted(number: int, noun: str) -> str:
    """A number with what is counted, one of them or several."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def table_line(columns: Sequence[Column], cells: Iterable[str]) -> str:
    """One line of a table, without spaces at its end."""
    texts = [
        f"{shorten(cell, column.width):{'>' if column.right else '<'}{column.width}}"
        for column, cell in zip(columns, cells, strict=True)
    ]
    return " ".join(texts).rstrip()


def table_head(columns: Sequence[Column]) -> str:
    """The headings of a table."""
    return table_line(columns, [column.title for column in columns])


def json_text(content: object) -> str:
    """JSON text with null for every number that is not finite: the same content, the same text."""
    return json.dumps(_defined(content), indent=2, allow_nan=False) + "\n"


def _defined(content: object) -> object:
    if isinstance(content, dict):
        return {key: _defined(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_defined(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
