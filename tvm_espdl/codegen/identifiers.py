"""C identifiers from the names of a model: readable, unique, always the same."""

from __future__ import annotations

import re
from collections.abc import Iterable

_KEYWORDS = frozenset(
    re.findall(
        r"\w+",
        "auto break case char const continue default do double else enum extern float for goto if "
        "inline int long register restrict return short signed sizeof static struct switch typedef "
        "union unsigned void volatile while bool false true main "
        # What generated functions call and refer to.
        "arena memcpy memset NULL",
    )
)
MAX_LENGTH = 48


class Identifiers:
    """Gives C identifiers, no two alike, and none of those `taken`."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)

    def unique(self, name: str) -> str:
        """The identifier for a name: another one at every call."""
        base = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")[:MAX_LENGTH] or "tensor"
        if base[0].isdigit() or base in _KEYWORDS:
            base = f"tensor_{base}"
        unique, number = base, 1
        while unique in self._taken:
            number += 1
            unique = f"{base}_{number}"
        self._taken.add(unique)
        return unique


def identifiers(names: Iterable[str]) -> list[str]:
    """One C identifier for each name, no two alike."""
    given = Identifiers()
    return [given.unique(name) for name in names]


def comment(text: str) -> str:
    """Text that is safe inside a C comment."""
    return text.replace("*/", "* /").replace("/*", "/ *").replace("\n", " ")


def string(text: str) -> str:
    """A C string literal: plain ASCII as it is, everything else in octal bytes."""
    escaped = "".join(
        chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}"
        for byte in text.encode()
    )
    return f'"{escaped}"'
