"""The arrays of a network's C that values and workspaces lie in: how each is declared and named.

What lies where is the plan's decision.
"""

from __future__ import annotations

from ..program.memory import Place, Plan
from .network_name import NetworkName


def arena_name(index: int) -> str:
    """The C name of an arena."""
    return f"arena_{index}" if index else "arena"


def in_arena(place: Place, further: int = 0) -> str:
    """A pointer to a place in an arena, in brackets; `further` bytes behind it."""
    return f"({arena_name(place.index)} + {place.offset + further})"


def arena_declarations(memory: Plan, name: NetworkName) -> str:
    """All arenas that hold anything."""
    return "".join(
        f"static {name.own('ESPDL_ALIGNED')}(16) uint8_t {arena_name(index)}[{arena.nbytes}];\n"
        for index, arena in enumerate(memory.arenas)
        if arena.nbytes
    )
