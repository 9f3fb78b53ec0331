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


def identifiers(names: Iterable[str]) -> list[str]:
    """One C identifier for each name, no two alike."""
    taken: set[str] = set()
    result = []
    for name in names:
        base = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")[:MAX_LENGTH] or "tensor"
        if base[0].isdigit() or base in _KEYWORDS:
            base = f"tensor_{base}"
        unique, number = base, 1
        while unique in taken:
            number += 1
            unique = f"{base}_{number}"
        taken.add(unique)
        result.append(unique)
    return result


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
