"""Published networks from their tables: who reads whose result, where it lies, what is fetched.

The tables say shapes, not edges: a call reads the last result that has the shape it wants. Memory
is planned as ESP-DL does, the first free place for each result, functions of one value in place.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from latency_rows import Row, rows

from tvm_espdl.estimate.access import access_of
from tvm_espdl.estimate.traffic import Caches, Fills, Region

Value = tuple[str, int]

_SAME_BYTES = ("Reshape", "Flatten", "Squeeze")
_IN_PLACE = ("Swish", "LUT", "RequantizeLinear", "PRelu", "Add", "Mul", "Sub", "Sigmoid", "Gelu")
_OF_TWO = ("Add", "Sub", "Mul")


@dataclass(frozen=True)
class Call:
    """One call: its row, and names and elements of what it reads and writes."""

    row: Row
    reads: tuple[Value, ...]
    writes: tuple[Value, ...]


def networks(chip: str) -> dict[str, list[Row]]:
    """The calls of each published network, in their order."""
    found: dict[str, list[Row]] = {}
    for row in rows(chip):
        if row.model and not row.slice_bytes:
            found.setdefault(row.model, []).append(row)
    return found


def linked(network: list[Row]) -> list[Call]:
    """The calls with what they read and write; those that leave bytes as they are left out."""
    made: list[tuple[str, tuple[int, ...]]] = []
    calls = []
    for index, row in enumerate(network):
        reads = _reads(row, made, index)
        if row.operator in _SAME_BYTES:
            made.append((reads[0][0], row.result))
            continue
        writes = [(f"value {index}", row.result)]
        if row.operator == "Split":
            rest = (*row.result[:-1], row.source[-1] - row.result[-1])
            writes.insert(0, (f"other {index}", rest))
        made += writes
        sizes = tuple((name, math.prod(shape)) for name, shape in writes)
        calls.append(Call(row, tuple(reads), sizes))
    return calls


def _reads(row: Row, made: list[tuple[str, tuple[int, ...]]], index: int) -> list[Value]:
    if row.operator == "Concat" and row.result[:-1] == row.source[:-1]:
        return _parts(row, made, index)
    wanted = 2 if row.operator in _OF_TWO and not row.work.weight_bytes else 1
    size, found = math.prod(row.source), {}
    for name, shape in reversed(made):
        if math.prod(shape) == size and len(found) < wanted:
            found[name] = size
    return list(found.items()) or [(f"input {index}", size)]


def _parts(row: Row, made: list[tuple[str, tuple[int, ...]]], index: int) -> list[Value]:
    left, found = row.result[-1], {}
    for name, shape in reversed(made):
        if shape[:-1] == row.result[:-1] and shape[-1] <= left and name not in found:
            found[name] = math.prod(shape)
            left -= shape[-1]
    if left:
        found[f"input {index}"] = left * math.prod(row.result[:-1])
    return list(found.items())


class _Memory:
    """Where values lie: the first free place."""

    def __init__(self) -> None:
        self._live: dict[str, tuple[int, int]] = {}

    def place(self, name: str, nbytes: int) -> None:
        at = 0
        for start, size in sorted(self._live.values()):
            if start - at >= nbytes:
                break
            at = max(at, start + size)
        self._live[name] = (at, nbytes)

    def keep(self, name: str, nbytes: int) -> None:
        if name not in self._live:
            self.place(name, nbytes)

    def rename(self, old: str, new: str) -> None:
        self._live[new] = self._live.pop(old)

    def free(self, names: list[str]) -> None:
        for name in names:
            self._live.pop(name, None)

    def region(self, name: str, nbytes: int) -> Region:
        return Region("arena", self._live[name][0], nbytes)


def fetched(network: list[Row], caches: Caches) -> Iterator[tuple[Row, Fills]]:
    """What each call fetches, one after the other, from cold caches on."""
    calls, memory = linked(network), _Memory()
    last = {name: i for i, call in enumerate(calls) for name, _ in call.reads}
    for index, call in enumerate(calls):
        row = call.row
        of_input, of_result = _widths(row)
        for name, size in call.reads:
            memory.keep(name, size * of_input)
        source, result = call.reads[0], call.writes[-1]
        reads = [memory.region(name, size * of_input) for name, size in call.reads]
        unused = last.get(source[0]) == index and source[1] == result[1]
        if row.operator in _IN_PLACE and unused:
            memory.rename(source[0], result[0])
        else:
            for name, size in call.writes:
                memory.place(name, size * of_result)
        writes = [memory.region(name, size * of_result) for name, size in call.writes]
        weights = Region(f"filter {index}", 0, row.work.weight_bytes)
        fills = caches.run(access_of(row.work, reads, writes, weights))
        if row.operator == "MatMul" and not row.filter_fill:  # Its second matrix is computed.
            fills.activation, fills.filter = fills.activation + fills.filter, 0.0
        memory.free([name for name, _ in call.reads if last[name] == index])
        memory.free([name for name, _ in call.writes if name not in last])
        yield row, fills


def _widths(row: Row) -> tuple[int, int]:
    """Bytes of an element of the inputs, and of the result."""
    width = np.dtype(row.work.dtype).itemsize
    if row.operator == "QuantizeLinear":
        return 4, 1
    return width, 4 if row.operator == "Softmax" else width
