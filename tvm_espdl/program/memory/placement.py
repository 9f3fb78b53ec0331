"""Where pieces of memory go in one array: as low as others allow, in an order that is searched.

A piece knows which of its bytes are used when. What the pieces are is not asked; the same pieces
always go to the same places.
"""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass

#: Orders that are tried beside those that are computed; more pieces are tried less often.
TRIALS = 400
MOST_WORK = 20_000


@dataclass(frozen=True)
class Area:
    """Bytes of a piece that are used during some steps, both of which count."""

    begin: int
    end: int
    first: int
    last: int
    #: Bytes that may be read behind its end.
    behind: int = 0


@dataclass(frozen=True)
class Piece:
    """What is placed as a whole.

    Attributes
    ----------
    areas : tuple of Area
        Counted from the piece's begin, where the first of them begins.
    alignment, phase : int
        The piece begins `phase` bytes behind a multiple of `alignment`.
    """

    areas: tuple[Area, ...]
    alignment: int
    phase: int = 0

    @property
    def size(self) -> int:
        """Bytes from its begin to its end."""
        return max(area.end for area in self.areas)

    @property
    def first(self) -> int:
        """The first step that uses it."""
        return min(area.first for area in self.areas)

    @property
    def last(self) -> int:
        """The last step that uses it."""
        return max(area.last for area in self.areas)

    def fitted(self, begin: int) -> int:
        """The first place from `begin` on where it may begin."""
        return begin + (self.phase - begin) % self.alignment


#: Distances at which the second of two pieces may not begin behind the first: open intervals.
_Distances = list[tuple[int, int]]


def lower_bound(pieces: Sequence[Piece]) -> int:
    """Bytes in use at the fullest step, with those that are read behind the last of them."""
    bound = Bound(Uses(pieces))
    for number in range(len(pieces)):
        bound.add(number)
    return bound.nbytes


class Uses:
    """What pieces use at each step at which something comes to life: between, nothing grows."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.steps = sorted({area.first for piece in pieces for area in piece.areas})
        #: Of each piece: number of the step, bytes, bytes read behind it, whether an area begins.
        self.of = [[*self._of(piece)] for piece in pieces]

    def _of(self, piece: Piece) -> Iterator[tuple[int, int, int, bool]]:
        firsts = {area.first for area in piece.areas}
        whole = range(bisect_left(self.steps, piece.first), bisect_right(self.steps, piece.last))
        for at in whole:
            step = self.steps[at]
            alive = [area for area in piece.areas if area.first <= step <= area.last]
            if alive:
                yield at, _covered(alive), min(area.behind for area in alive), step in firsts


class Bound:
    """The least height of an array that holds some pieces, to which others come."""

    def __init__(self, uses: Uses) -> None:
        self._uses = uses
        self._used = [0] * len(uses.steps)
        self._behind: list[int | None] = [None] * len(uses.steps)
        self._begun: set[int] = set()

    def add(self, number: int) -> None:
        """One more piece."""
        for at, nbytes, behind, begins in self._uses.of[number]:
            self._used[at] += nbytes
            known = self._behind[at]
            self._behind[at] = behind if known is None else min(known, behind)
            if begins:
                self._begun.add(at)

    def beside(self, number: int) -> int:
        """What it would be with one more piece."""
        other = copy(self)
        other._used, other._behind = self._used.copy(), self._behind.copy()
        other._begun = self._begun.copy()
        other.add(number)
        return other.nbytes

    @property
    def nbytes(self) -> int:
        """Bytes."""
        return max((self._used[at] + (self._behind[at] or 0) for at in self._begun), default=0)


def _covered(areas: Sequence[Area]) -> int:
    total = reached = 0
    for area in sorted(areas, key=lambda area: area.begin):
        total += max(area.end - max(area.begin, reached), 0)
        reached = max(reached, area.end)
    return total


class Placement:
    """Places pieces, and knows which of them are in each other's way."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = pieces
        self._uses = Uses(pieces)
        self._found: dict[tuple[frozenset[int], int, int], dict[int, int]] = {}
        self._sizes = [piece.size for piece in pieces]
        self._tops = [max(a.end + a.behind for a in piece.areas) for piece in pieces]
        self._apart: list[dict[int, _Distances]] = [{} for _ in pieces]
        lives = [(piece.first, piece.last) for piece in pieces]
        for one, piece in enumerate(pieces):
            first, last = lives[one]
            for other in range(one):
                if lives[other][0] > last or first > lives[other][1]:
                    continue
                distances = _distances(piece, pieces[other])
                if distances:
                    self._apart[other][one] = [(-high, -low) for low, high in distances][::-1]
                    self._apart[one][other] = distances

    def bound(self, numbers: Iterable[int] = ()) -> Bound:
        """The least height of some pieces."""
        bound = Bound(self._uses)
        for number in numbers:
            bound.add(number)
        return bound

    def lowest(self, number: int, begins: Mapping[int, int]) -> int:
        """The lowest begin of a piece among others that have theirs."""
        piece, neighbours = self.pieces[number], self._apart[number]
        taken = sorted(
            (begins[other] + low, begins[other] + high)
            for other in neighbours.keys() & begins.keys()
            for low, high in self._apart[other][number]
        )
        begin = piece.fitted(0)
        for low, high in taken:
            if low < begin < high:
                begin = piece.fitted(high)
        return begin

    def packed(self, order: Sequence[int]) -> dict[int, int]:
        """Begins of pieces, each as low as those before it in the order allow."""
        begins: dict[int, int] = {}
        for number in order:
            begins[number] = self.lowest(number, begins)
        return begins

    def height(self, begins: Mapping[int, int]) -> int:
        """Bytes of an array that holds the pieces."""
        return max((begin + self._tops[number] for number, begin in begins.items()), default=0)

    def orders(self, numbers: Sequence[int]) -> list[list[int]]:
        """Orders that are good as a rule."""
        pieces, sizes = self.pieces, self._sizes
        keys: list[Callable[[int], tuple[int, ...]]] = [
            lambda n: (-sizes[n], pieces[n].first, n),
            lambda n: (-sizes[n] * (pieces[n].last - pieces[n].first + 1), n),
            lambda n: (-sum(sizes[other] for other in self._apart[n]) - sizes[n], n),
            lambda n: (pieces[n].first - pieces[n].last, -sizes[n], n),
            lambda n: (pieces[n].first, -sizes[n], n),
        ]
        return [sorted(numbers, key=key) for key in keys]

    def best(self, numbers: Sequence[int], enough: int, trials: int = TRIALS) -> dict[int, int]:
        """Begins of some pieces that make a low array.

        The best of several orders; then pieces at the top go before others that are in their way,
        while that makes nothing higher.

        Parameters
        ----------
        enough : int
            A height that need not be improved.
        trials : int
            How many orders are tried at most, beside the first ones.
        """
        # The same pieces always go to the same places, in whichever order they are named.
        wanted = frozenset(numbers), enough, trials
        if wanted not in self._found:
            self._found[wanted] = self._searched(numbers, enough, trials)
        return dict(self._found[wanted])

    def _searched(self, numbers: Sequence[int], enough: int, trials: int) -> dict[int, int]:
        orders = self.orders(numbers)
        begins = [self.packed(order) for order in orders]
        heights = [self.height(found) for found in begins]
        place = heights.index(min(heights))
        order, found, height = orders[place], begins[place], heights[place]
        chance = random.Random(0)
        for _ in range(min(trials, MOST_WORK // max(len(order), 1))):
            if height <= enough:
                break
            moved = self._moved(order, found, height, chance)
            tried = self.packed(moved)
            new = self.height(tried)
            if new <= height:
                order, found, height = moved, tried, new
        return found

    def _moved(
        self, order: list[int], begins: Mapping[int, int], height: int, chance: random.Random
    ) -> list[int]:
        """The order with one of the highest pieces, or one in its way, before another one."""
        top = next(n for n in order if begins[n] + self._tops[n] == height)
        near = [n for n in order if n in self._apart[top]]
        moving = near[int(chance.random() * len(near))] if chance.random() < 0.5 and near else top
        rest = [n for n in order if n != moving]
        at = int(chance.random() * order.index(moving))
        return [*rest[:at], moving, *rest[at:]]


def _distances(one: Piece, other: Piece) -> _Distances:
    """How far `other` must not begin behind `one`, as disjoint intervals."""
    found = sorted(
        (a.begin - b.end, a.end - b.begin)
        for a in one.areas
        for b in other.areas
        if a.first <= b.last and b.first <= a.last
    )
    joined: _Distances = []
    for low, high in found:
        if joined and low < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined
