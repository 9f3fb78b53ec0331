"""Reads JSON whose every value is looked at: one clear error for whatever is not as it should be.

Must never hand on a number that is not finite, a name that stands twice, or a value of another
type.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from ..errors import DataError
from .output_files import path_of

#: Bytes of a file: a hundred times what the largest networks for these chips need.
LARGEST_FILE = 256 << 20


class _Repeated(ValueError):
    """A name stands twice in one object."""


@dataclass(frozen=True)
class Source:
    """A file: its name, what it should be, and how users get such a one."""

    file: str
    kind: str
    hint: str = ""


@dataclass(frozen=True)
class Node:
    """A value in a file, and where it stands: `weights['conv'].exponents[3]`."""

    value: Any
    place: str
    source: Source

    def refuse(self, what: str, allowed: str, found: object = None, try_: str = "") -> NoReturn:
        """Raise the DataError of this place."""
        raise DataError(
            what,
            where=f"{self.source.file}, {self.place or 'the whole'}",
            found=_described(self.value) if found is None else found,
            allowed=allowed,
            try_=try_ or self.source.hint,
        )

    def entries(self) -> dict[str, Node]:
        """The members of an object."""
        if not isinstance(self.value, dict):
            self.refuse("not an object", "a JSON object")
        return {
            name: Node(value, f"{self.place}[{name!r}]" if self.place else name, self.source)
            for name, value in self.value.items()
        }

    def fields(self, *names: str, optional: tuple[str, ...] = ()) -> dict[str, Node]:
        """The members of an object with just these names."""
        found = self.entries()
        for name in found:
            if name not in (*names, *optional):
                self.refuse("an unknown entry", ", ".join((*names, *optional)), repr(name))
        for name in names:
            if name not in found:
                self.refuse("an entry is missing", ", ".join(names), f"no {name!r}")
        return found

    def items(self) -> Iterator[Node]:
        """The values of a list."""
        if not isinstance(self.value, list):
            self.refuse("not a list", "a JSON list")
        for index, value in enumerate(self.value):
            yield Node(value, f"{self.place}[{index}]", self.source)

    def text(self) -> str:
        """A text."""
        if not isinstance(self.value, str):
            self.refuse("not a text", "a JSON string")
        return str(self.value)

    def boolean(self) -> bool:
        """True or false."""
        if not isinstance(self.value, bool):
            self.refuse("neither true nor false", "true, false")
        return bool(self.value)

    def integer(self, lowest: int, highest: int) -> int:
        """A whole number within limits."""
        value = self.value
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            self.refuse("not such a number", f"whole numbers from {lowest} to {highest}")
        return int(value)

    def number(self) -> float:
        """A finite number."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse("not a number", "finite numbers")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            self.refuse("not a finite number", "finite numbers")
        return number


def read_json(path: str | os.PathLike[str], kind: str, hint: str) -> Node:
    """The content of a file, as `parse_json`.

    Raises DataError if it cannot be read, too.
    """
    file = path_of(path, "the file", DataError)
    source = Source(str(file), kind, hint)
    try:
        if file.exists() and not file.is_file():
            raise OSError("no regular file")
        if (size := file.stat().st_size) > LARGEST_FILE:
            raise _too_large(size, source)
        data = file.read_bytes()
    except (OSError, ValueError) as problem:
        raise DataError(
            "the file cannot be read",
            where=source.file,
            found=getattr(problem, "strerror", None) or str(problem),
            allowed=kind,
            try_=hint,
        ) from problem
    return parse_json(data, source)


def _too_large(size: int, source: Source) -> DataError:
    return DataError(
        "the file is too large",
        where=source.file,
        found=f"{size:,} bytes",
        allowed=f"{source.kind}, at most {LARGEST_FILE:,} bytes",
    )


def parse_json(data: bytes, source: Source) -> Node:
    """The content of a file, as `Node`.

    Raises DataError if it is too long, no JSON in UTF-8, nests too deeply, names a member twice, or
    holds NaN or infinity.
    """
    if len(data) > LARGEST_FILE:
        raise _too_large(len(data), source)
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as problem:
        nested = isinstance(problem, RecursionError)
        raise DataError(
            "the file cannot be read as JSON",
            where=source.file,
            found="values nested too deeply" if nested else str(problem),
            allowed=source.kind,
            try_=source.hint,
        ) from problem
    return Node(value, "", source)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        name = next(n for n, _ in pairs if n in seen or seen.add(n))  # type: ignore[func-returns-value]
        raise _Repeated(f"the name {name!r} stands twice in one object")
    return found


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number that JSON has")


def _described(value: object) -> str:
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    return repr(value) if not isinstance(value, int) or abs(value) < 1 << 200 else "a huge number"
