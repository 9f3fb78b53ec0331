"""Which memory each piece goes to, where one pool has no room for all: the busiest to the first.

It weighs pieces by the accesses of their bytes and asks whether they can be placed; the kinds of
memory of a chip are not known here.
"""

from __future__ import annotations

from collections.abc import Sequence

from .placement import Piece, Placement, lower_bound
from .plan import Pool

#: Orders that are tried for each piece that might still go into a pool.
TRIALS = 8


def distribute(
    pieces: Sequence[Piece], traffic: Sequence[int], pools: Sequence[Pool]
) -> list[dict[int, int]]:
    """For each pool the numbers of its pieces, and where they begin.

    Pieces go, the busiest byte first, to the first pool that has room for them beside those before;
    what no pool has room for goes to the last one, which is too small then.
    """
    placement = Placement(pieces)
    waiting = list(range(len(pieces)))
    filled: list[dict[int, int]] = []
    for pool in pools[:-1]:
        begins = _filled(placement, waiting, traffic, pool)
        filled.append(begins)
        waiting = [number for number in waiting if number not in begins]
    bound = lower_bound([pieces[number] for number in waiting])
    filled.append(placement.best(waiting, bound) if waiting else {})
    return filled


def _filled(
    placement: Placement, numbers: Sequence[int], traffic: Sequence[int], pool: Pool
) -> dict[int, int]:
    """As many of some pieces as a pool takes, the busiest first."""
    pieces = placement.pieces
    bound = lower_bound([pieces[number] for number in numbers])
    begins = placement.best(numbers, bound)
    if pool.limit is None or placement.height(begins) <= pool.limit:
        return begins
    begins = {}
    for number in sorted(numbers, key=lambda n: (-traffic[n] / max(pieces[n].size, 1), n)):
        tried = {**begins, number: placement.lowest(number, begins)}
        if placement.height(tried) > pool.limit:
            some = [*begins, number]
            if lower_bound([pieces[n] for n in some]) > pool.limit:
                continue
            tried = placement.best(some, pool.limit, TRIALS)
        if placement.height(tried) <= pool.limit:
            begins = tried
    return begins
