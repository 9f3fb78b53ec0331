"""Places buffers with lifetimes in one block of memory, first fit in the order of their birth.

It never moves a buffer; the planner of the chip's own arena is another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ALIGNMENT = 64


@dataclass(frozen=True)
class Lifetime:
    """One buffer.

    Attributes
    ----------
    size : int
        Bytes.
    first, last : int
        Steps during which it must be left alone, both included.
    """

    size: int
    first: int
    last: int


def place(lifetimes: Sequence[Lifetime]) -> tuple[list[int], int]:
    """The offset of each buffer, and the bytes that all need together."""
    placed: list[tuple[int, int, Lifetime]] = []
    offsets = []
    for buffer in lifetimes:
        size = -(-max(buffer.size, 1) // ALIGNMENT) * ALIGNMENT
        offset = 0
        for start, end, other in sorted(placed, key=lambda entry: entry[:2]):
            if other.last < buffer.first or buffer.last < other.first:
                continue
            if offset + size <= start:
                break
            offset = max(offset, end)
        placed.append((offset, offset + size, buffer))
        offsets.append(offset)
    return offsets, max((end for _, end, _ in placed), default=0)
