"""Bytes that the caches fetch from external memory while a network runs, call after call.

Caches are simulated in pieces of a kilobyte, least recently used first out. A filter that a kernel
reads again for each position is no sequence of pieces: what is fetched of it follows from its size.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

#: Bytes that are fetched and forgotten together.
PIECE = 1024
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
    per_load : float
        Bytes of the first read that a position reads.
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
    per_load: float = 0.0
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
    """One cache: which pieces it holds, in the order of their last use."""

    def __init__(self, nbytes: int, ways: int) -> None:
        self.nbytes = nbytes
        self._curve = _REFETCHED if ways > 2 else _REFETCHED_OF_TWO_WAYS
        self._most = max(1, nbytes // PIECE)
        self._held: OrderedDict[tuple[Hashable, int], None] = OrderedDict()

    def touch(self, piece: tuple[Hashable, int]) -> bool:
        """Use a piece; whether it was there."""
        if piece in self._held:
            self._held.move_to_end(piece)
            return True
        self._held[piece] = None
        if len(self._held) > self._most:
            self._held.popitem(last=False)
        return False

    def forget(self) -> None:
        """Lose everything."""
        self._held.clear()

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

    def run(self, access: Access) -> Fills:
        """The bytes that a call fetches; what it used last is there for the next one."""
        fills = Fills()
        resident = access.filter
        if access.filter is not None and self._refetch(access, access.filter, fills):
            resident = None
        strips = max(1, min(access.strips, MOST_STRIPS))
        overlap = access.overlap * strips / max(1, access.strips)
        for strip in range(strips):
            for index, region in enumerate(access.reads):
                self._follow(region, strip, strips, 0.0 if index else overlap, fills)
            if resident is not None:
                last = resident.start + resident.nbytes
                for piece in range(resident.start // PIECE, -(-last // PIECE)):
                    self._use(resident, piece, fills, is_filter=True)
            written = Fills()
            for region in access.writes:
                self._follow(region, strip, strips, 0.0, written)
            fills.add(written, access.written)
        if fills.filter:
            fills.filter += self._edges
        return fills

    def _refetch(self, access: Access, filter_: Region, fills: Fills) -> bool:
        """Count what is fetched again at each position; whether the outermost cache is overrun."""
        size, part = filter_.nbytes, 0.0
        loads = access.inside + access.border * access.border_share
        for level, cache in enumerate(self.levels):
            part = cache.refetched(size)
            again = max(0.0, access.inside - 1) * size * part
            of_border = access.border_share * size
            again += access.border * of_border * cache.refetched(of_border)
            activations = loads * access.per_load * part
            if level < len(self.levels) - 1:
                fills.inner += again + activations
            else:
                fills.filter += again
                fills.activation += activations
        if part < 0.5:
            return False
        fills.filter += size
        fills.inner += size * (len(self.levels) - 1)
        for cache in self.levels:
            cache.forget()
        return True

    def _follow(
        self, region: Region, strip: int, strips: int, overlap: float, fills: Fills
    ) -> None:
        """Use the part of a region that belongs to a strip."""
        first = region.start + region.nbytes * strip / strips
        last = region.start + min(region.nbytes, region.nbytes * (strip + 1 + overlap) / strips)
        for piece in range(int(first // PIECE), math.ceil(last / PIECE)):
            self._use(region, piece, fills)

    def _use(self, region: Region, piece: int, fills: Fills, *, is_filter: bool = False) -> None:
        first = max(region.start, piece * PIECE)
        nbytes = min(region.start + region.nbytes, (piece + 1) * PIECE) - first
        key = (region.space, piece)
        for level, cache in enumerate(self.levels):
            if cache.touch(key):
                return
            if level < len(self.levels) - 1:
                fills.inner += nbytes
        if is_filter:
            fills.filter += nbytes
        else:
            fills.activation += nbytes
