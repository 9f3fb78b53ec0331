"""Published networks from their tables: where each call reads and writes, and what it fetches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from latency_rows import Row, rows

from tvm_espdl.estimate.access import accesses_of
from tvm_espdl.estimate.traffic import Access, Caches, Fills, Region

#: Calls that leave bytes as they are.
_SAME_BYTES = ("Reshape", "Flatten", "Squeeze")


def networks(chip: str) -> dict[str, list[Row]]:
    """The calls of each published network, in their order, and published single operators."""
    found: dict[str, list[Row]] = {}
    for row in rows(chip):
        if row.model and not row.slice_bytes:
            found.setdefault(row.model, []).append(row)
    return found


def fetched(network: list[Row], caches: Caches) -> Iterator[tuple[Row, Fills]]:
    """What each call fetches, one after the other.

    The application has just written a network's input; single operators begin with cold caches.
    """
    caches.run([Access([], [Region("arena", *place) for place in network[0].reads])])
    constants = 0
    for row in network:
        if row.operator in _SAME_BYTES:
            continue
        fills = caches.run(_accesses(row, constants))
        constants += row.work.weight_bytes
        if row.operator == "MatMul" and not row.filter_fill:  # Its second matrix is computed.
            fills.activation, fills.filter = fills.activation + fills.filter, 0.0
        yield row, fills


def _accesses(row: Row, constants: int) -> Iterable[Access]:
    reads, writes = ([Region("arena", *place) for place in s] for s in (row.reads, row.writes))
    if not writes:  # A single operator.
        size = row.work.elements_in * np.dtype(row.work.dtype).itemsize
        result = row.work.elements_out * np.dtype(row.work.dtype).itemsize
        reads, writes = [Region("arena", 0, size)], [Region("arena", size, result)]
    if row.operator == "Split":  # One result after the other, from lines that hold others as well.
        return [Access(reads, [result]) for result in writes]
    weights = Region(("constants", constants), constants, row.work.weight_bytes)
    if row.operator == "MatMul" and len(reads) > 1:
        *reads, weights = reads
    return accesses_of(row.work, reads, writes, weights)
