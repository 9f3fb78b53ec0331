"""Which memory each piece goes to, where one pool has no room for all: the busiest to the first.

It weighs pieces by the accesses of their bytes and asks whether they can be placed; the kinds of
memory of a chip are not known here.
"""

from __future__ import annotations

from collections.abc import Sequence

from .placement import Placement
from .plan import Pool

#: Orders that are tried for each piece that might still go into a pool.
TRIALS = 8
#: How often a pool is filled in other orders, at most: this by the square of the pieces.
MOST_WORK = 60_000


def distribute(
    placement: Placement, traffic: Sequence[int], pools: Sequence[Pool]
) -> list[dict[int, int]]:
    """For each pool the numbers of its pieces, and where they begin.

    Pieces go, the busiest byte first, to the first pool that has room for them beside those before;
    what no pool has room for goes to the last one, which is too small then.
    """
    waiting = list(range(len(placement.pieces)))
    filled: list[dict[int, int]] = []
    for pool in pools[:-1]:
        begins = _filled(placement, waiting, traffic, pool)
        filled.append(begins)
        waiting = [number for number in waiting if number not in begins]
    bound = placement.bound(waiting).nbytes
    filled.append(placement.best(waiting, bound) if waiting else {})
    return filled


def _filled(
    placement: Placement, numbers: Sequence[int], traffic: Sequence[int], pool: Pool
) -> dict[int, int]:
    """Those of some pieces that a pool takes, so that they have much of the traffic.

    The busiest come first; then each that has found no room is tried before the others, and each
    that has found some is left out, while that is better.
    """
    pieces = placement.pieces
    begins = placement.best(numbers, placement.bound(numbers).nbytes)
    if pool.limit is None or placement.height(begins) <= pool.limit:
        return begins
    order = sorted(numbers, key=lambda n: (-traffic[n] / max(pieces[n].size, 1), n))
    found = _taken(placement, order, pool.limit)
    left, waiting = max(MOST_WORK // len(order) ** 2, 1), list(order)
    while waiting and left:
        left -= 1
        number = waiting.pop(0)
        others = [n for n in order if n != number]
        tried = _taken(placement, others if number in found else [number, *others], pool.limit)
        if sum(traffic[n] for n in tried) > sum(traffic[n] for n in found):
            found, waiting = tried, [n for n in order if n != number]
    return found


def _taken(placement: Placement, order: Sequence[int], limit: int) -> dict[int, int]:
    """Those that find room, one after the other, beside those before."""
    begins: dict[int, int] = {}
    bound = placement.bound()
    for number in order:
        tried = {**begins, number: placement.lowest(number, begins)}
        if placement.height(tried) > limit:
            if bound.beside(number) > limit:
                continue
            tried = placement.best([*begins, number], limit, TRIALS)
        if placement.height(tried) <= limit:
            begins = tried
            bound.add(number)
    return begins
