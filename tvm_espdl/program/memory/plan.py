"""What a memory plan says: where every value of a program lives, and which steps need not run.

Plain data for C, host library and reports; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..program import Step

#: Blocks begin at such a multiple, whatever kernels want.
ALIGNMENT = 16

#: A buffer of the caller's, a constant, memory that is kept between runs, or an arena.
Kind = Literal["input", "output", "constant", "state", "arena"]


@dataclass(frozen=True)
class Place:
    """Where a value lives.

    Attributes
    ----------
    kind : str
        `input` or `output` (the caller's buffer), `constant`, `state`, or `arena`.
    index : int
        Which one: position among the program's inputs, outputs, constants or states, or among the
        plan's arenas.
    offset : int
        Bytes from its begin.
    """

    kind: Kind
    index: int
    offset: int = 0


@dataclass(frozen=True)
class Pool:
    """Memory that an arena may be in.

    Attributes
    ----------
    name : str
        For reports.
    limit : int or None
        Bytes that an arena may have there; None where it may have any.
    """

    name: str
    limit: int | None = None


@dataclass(frozen=True)
class Block:
    """Values that share memory, or the memory that a step works in.

    Attributes
    ----------
    names : tuple of str
        The values, in the order in which they come to life; none for a workspace.
    step : int
        The first step that writes it.
    last : int
        The last one that reads it.
    nbytes : int
        From its first byte to its last one.
    traffic : int
        About how many bytes one run reads from it and writes to it.
    arena, offset : int
        Where it is.
    """

    names: tuple[str, ...]
    step: int
    last: int
    nbytes: int
    traffic: int
    arena: int
    offset: int

    @property
    def density(self) -> float:
        """Accesses of each byte in one run."""
        return self.traffic / max(self.nbytes, 1)


@dataclass(frozen=True)
class Arena:
    """One static array.

    Attributes
    ----------
    pool : Pool
        The memory that it is in.
    nbytes : int
        Its size, with the bytes that kernels may read beyond the last value; above the pool's
        limit where the network does not fit.
    """

    pool: Pool
    nbytes: int

    @property
    def fits(self) -> bool:
        """Whether the pool has so much."""
        return self.pool.limit is None or self.nbytes <= self.pool.limit


@dataclass(frozen=True)
class Plan:
    """A memory plan.

    Attributes
    ----------
    places : mapping of str to Place
        For every value that a step reads or writes.
    workspaces : tuple of Place or None
        For each step, its scratch memory.
    arenas : tuple of Arena
        One for each pool that was offered, empty ones included.
    blocks : tuple of Block
        What lies in the arenas, in the order of execution.
    lower_bound : int
        No plan with the same views needs less, all arenas together.
    views : frozenset of str
        Results whose bytes are there without their steps being run.
    pitches : mapping of str to int
        Of values whose pixels (the last axis) lie apart, because they are computed where they
        belong in a larger one: bytes from one to the next. All others are dense.
    alignments, over_reads : mapping of str to int
        What the steps that read or write a value, or another one in the same bytes, ask of its
        memory at most: bytes that it begins at a multiple of, and that may be read behind its last
        whole vector. A value that is missing asks nothing.
    """

    places: Mapping[str, Place]
    workspaces: tuple[Place | None, ...]
    arenas: tuple[Arena, ...]
    blocks: tuple[Block, ...]
    lower_bound: int
    views: frozenset[str]
    alignments: Mapping[str, int]
    over_reads: Mapping[str, int]
    pitches: Mapping[str, int] = field(default_factory=dict)

    @property
    def arena_bytes(self) -> int:
        """All arenas together."""
        return sum(arena.nbytes for arena in self.arenas)

    @property
    def fits(self) -> bool:
        """Whether no arena is larger than its pool."""
        return all(arena.fits for arena in self.arenas)

    def readable_bytes(self, value: str, nbytes: int) -> int:
        """Bytes of a buffer that a value of `nbytes` is read from."""
        behind = self.over_reads.get(value, 0)
        return -(-nbytes // ALIGNMENT) * ALIGNMENT + behind if behind else nbytes

    def is_alias(self, step: Step) -> bool:
        """Whether a step's result is there in its inputs' bytes, so that it need not run."""
        return step.outputs[0] in self.views
