"""Bytes that the caches fetch from external memory while a network runs, call after call.

Caches are simulated set by set in pieces of some lines, least recently used first out. A filter
that a kernel reads again for each position is no sequence of pieces: what is fetched of it follows
from its size.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

#: Bytes that are fetched and forgotten together.
PIECE = 256
#: Bits of a piece's number in its space.
_MOST_PIECES = 32
#: A call is followed in so many strips of its result at most.
MOST_STRIPS = 256

#: Filter and bias begin and end within lines: so much more than a line is fetched beside them. The
#: mean of 2,500 simulated calls with small filters.
_OF_A_BIAS = 32

#: Of a filter that is read again and again, the part that is fetched each time, by its size as a
#: part of the cache: with many ways, and with two. From simulated convolutions of 1x1.
_REFETCHED = (
    (0.85, 0.90, 0.98, 1.015, 1.035, 1.06, 1.12),
    (0.0, 0.02, 0.10, 0.20, 0.24, 0.56, 1.0),
)
_REFETCHED_OF_TWO_WAYS = (
    (0.50, 0.90, 1.0, 1.035, 1.15, 1.2, 1.4, 1.5),
    (0.0, 0.025, 0.04, 0.075, 0.40, 0.49, 0.89, 1.0),
)


@dataclass(frozen=True)
class Region:
    """Bytes that are read or written: those from `start` on of a space, an arena for example."""

    space: Hashable
    start: int
    nbytes: int


@dataclass(frozen=True)
class Access:
    """What a call reads and writes of external memory.

    Attributes
    ----------
    reads, writes : sequence of Region
        Each goes from its beginning to its end, all of them at the same pace.
    filter : Region or None
        Read as a whole for each position, while the others advance.
    inside, border : float
        How often it is read as a whole, and how often in part.
    border_share : float
        The part, on average.
    strips : int
        Rows of the result: when one is finished, the window moves on.
    overlap : float
        Parts of the first read, beyond the next one, that a strip reads as well.
    reread : float
        Bytes of the first read that are read again, in all, where nothing of it stays while a
        filter passes through the cache: a window keeps only columns, from one position to the next.
    written : float
        The part of the writes that it fetches; the rest is other slices' channels.
    """

    reads: Sequence[Region]
    writes: Sequence[Region]
    filter: Region | None = None
    inside: float = 1.0
    border: float = 0.0
    border_share: float = 0.0
    strips: int = 1
    overlap: float = 0.0
    reread: float = 0.0
    written: float = 1.0


@dataclass
class Fills:
    """Bytes that were fetched.

    Attributes
    ----------
    filter, activation : float
        From external memory.
    inner : float
        By the inner cache from the outer one, where there are two.
    """

    filter: float = 0.0
    activation: float = 0.0
    inner: float = 0.0

    def add(self, other: Fills, part: float = 1.0) -> None:
        """Count a part of others', too."""
        self.filter += part * other.filter
        self.activation += part * other.activation
        self.inner += part * other.inner


class Cache:
    """One cache: which pieces its sets hold, in the order of their last use."""

    def __init__(self, nbytes: int, ways: int) -> None:
        self.nbytes = nbytes
        self._curve = _REFETCHED if ways > 2 else _REFETCHED_OF_TWO_WAYS
        self._most = min(ways, max(1, nbytes // PIECE))
        count = max(1, nbytes // PIECE // self._most)
        # Dicts keep the order in which keys came.
        self._sets: list[dict[int, None]] = [{} for _ in range(count)]

    def missed(self, base: int, pieces: Iterable[int]) -> list[int]:
        """Use pieces; those that were not there. What they are called begins at `base`."""
        found = []
        sets, count, most = self._sets, len(self._sets), self._most
        for piece in pieces:
            held, name = sets[piece % count], base + piece
            if name in held:
                del held[name]
            else:
                found.append(piece)
                if len(held) >= most:
                    del held[next(iter(held))]
            held[name] = None
        return found

    def forget(self) -> None:
        """Lose everything."""
        for held in self._sets:
            held.clear()

    def refetched(self, nbytes: float) -> float:
        """The part of so many bytes that is fetched each time they are read."""
        return float(np.interp(nbytes / self.nbytes, *self._curve))


class Caches:
    """The caches between a kernel and external memory, the inner one first.

    Parameters
    ----------
    levels : sequence of (int, int)
        Bytes and ways of each; one or two.
    line_bytes : int
        What the outermost one fetches at once.
    """

    def __init__(self, levels: Sequence[tuple[int, int]], line_bytes: int) -> None:
        self.levels = [Cache(*level) for level in levels]
        self._edges = line_bytes + _OF_A_BIAS
        self._bases: dict[Hashable, int] = {}

    def run(self, accesses: Iterable[Access]) -> Fills:
        """The bytes that a call fetches; what it used last is there for the next one."""
        fills = Fills()
        for access in accesses:
            self._run(access, fills)
        return fills

    def _run(self, access: Access, fills: Fills) -> None:
        before = fills.filter
        resident = access.filter
        overrun = access.filter is not None and self._refetch(access, access.filter, fills)
        if overrun:
            resident = None
        strips = max(1, min(access.strips, MOST_STRIPS))
        overlap = access.overlap * strips / max(1, access.strips)
        for strip in range(strips):
            for index, region in enumerate(access.reads):
                self._follow(region, strip, strips, 0.0 if index else overlap, fills)
            if resident is not None:
                last = resident.start + resident.nbytes
                pieces = range(resident.start // PIECE, -(-last // PIECE))
                # Read at each position, it stays; between strips here it may seem to have gone.
                nbytes = self._use(resident, pieces, fills)
                fills.filter += nbytes if strip == 0 else 0
            written = Fills()
            for region in access.writes:
                self._follow(region, strip, strips, 0.0, written)
            fills.add(written, access.written)
        if fills.filter > before:
            fills.filter += self._edges
        if overrun:
            self._forget()

    def _forget(self) -> None:
        for cache in self.levels:
            cache.forget()

    def _refetch(self, access: Access, filter_: Region, fills: Fills) -> bool:
        """Count what is fetched again at each position; whether the outermost cache is overrun."""
        size, part = filter_.nbytes, 0.0
        for level, cache in enumerate(self.levels):
            part = cache.refetched(size)
            again = max(0.0, access.inside - 1) * size * part
            of_border = access.border_share * size
            again += access.border * of_border * cache.refetched(of_border)
            activations = access.reread * part
            if level < len(self.levels) - 1:
                fills.inner += again + activations
            else:
                fills.filter += again
                fills.activation += activations
        if part < 0.5:
            return False
        fills.filter += size
        fills.inner += size * (len(self.levels) - 1)
        self._forget()
        return True

    def _follow(
        self, region: Region, strip: int, strips: int, overlap: float, fills: Fills
    ) -> None:
        """Use the part of a region that belongs to a strip."""
        first = region.start + region.nbytes * strip / strips
        last = region.start + min(region.nbytes, region.nbytes * (strip + 1 + overlap) / strips)
        pieces = range(int(first // PIECE), math.ceil(last / PIECE))
        fills.activation += self._use(region, pieces, fills)

    def _use(self, region: Region, pieces: Sequence[int], fills: Fills) -> int:
        """Use pieces of a region in their order; bytes that come from external memory."""
        base = self._bases.setdefault(region.space, len(self._bases) << _MOST_PIECES)
        for level, cache in enumerate(self.levels):
            pieces = cache.missed(base, pieces)
            if not pieces:
                return 0
            nbytes = len(pieces) * PIECE - max(0, region.start - pieces[0] * PIECE)
            nbytes -= max(0, (pieces[-1] + 1) * PIECE - region.start - region.nbytes)
            if level < len(self.levels) - 1:
                fills.inner += nbytes
        return nbytes
