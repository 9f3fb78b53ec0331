"""A computed matrix laid out as a filter, and what proofs want to know of its columns.

It runs before the dot products of each matrix; constant weights are packed at build, in `dense`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tvm import tirx
from tvm.tirx.script import builder as T

from ..arithmetic import unfused
from ..kernel import Buffer, Expression, registers
from .image import ramp
from .proof import MARGIN
from .tile import Layout, Tiles

#: Covers all roundings of float32 in lengths of windows and of columns of up to 2**14 products:
#: each adds 2**-24 of a sum of squares at most.
SUM_MARGIN = 1.003


@dataclass(frozen=True)
class Packed:
    """Where a packed matrix and the facts about it go; None where nobody asks.

    Attributes
    ----------
    weights : buffer
        As `dense.packed` lays constants out.
    begin : buffer or None
        int32, by lane: what makes up for what the image's copy adds to each pixel.
    lengths : buffer or None
        float32, by lane: of the columns, rounded up.
    shortest : buffer or None
        float32, by tile: up to which sum of squares of a window its sums fit int32.
    """

    weights: Buffer
    begin: Buffer | None
    lengths: Buffer | None
    shortest: Buffer | None


@dataclass(frozen=True)
class Packing:
    """The statements.

    Attributes
    ----------
    matrix : buffer
        `(depth, columns)`, in one dimension.
    added : int
        What sums begin with because of rounding.
    room : int
        Bits that are left to sums of int16, as a magnitude.
    """

    layout: Layout
    matrix: Buffer
    packed: Packed
    added: int
    room: int

    def emit(self) -> None:
        """All of the matrix."""
        offset = number = 0
        depth, used = self.layout.window.image[2], self.layout.instructions
        words = -(-depth // used.group)
        for tiles in self.layout.tiles:
            size = words * tiles.vectors * used.lanes * used.group
            with T.serial(tiles.count) as tile:
                self._tile(tiles, tile, T.Bind(offset + tile * size), number + tile)
            offset += tiles.count * size
            number += tiles.count

    def _tile(self, tiles: Tiles, tile: Expression, begin: Expression, number: Expression) -> None:
        lanes = self.layout.instructions.lanes
        longest, zero = registers(1, "float32"), T.float32(0)
        T.buffer_store(longest, T.float32(1), [0])
        for n in range(tiles.vectors):
            at = T.Bind(tiles.first + tile * tiles.vectors + n)
            width = self.layout.vectors[tiles.first + n].width
            column = _Column(self, at * lanes, width, registers(lanes, "int32"))
            squares = registers(lanes, "float32") if self._asks_for_lengths else None
            if squares is not None:
                T.buffer_store(squares, tirx.Broadcast(zero, lanes), [column.every])
            column.emit(begin, n, tiles.vectors, squares)
            lanes_of = tirx.Ramp(at * lanes, 1, lanes)
            if self.packed.begin is not None:
                total = tirx.Broadcast(T.int32(self.added), lanes) - column.offsets[column.every]
                T.buffer_store(self.packed.begin, total, [lanes_of])
            if squares is not None and self.packed.lengths is not None:
                length = T.sqrt(T.Bind(squares[column.every]))
                length = length * tirx.Broadcast(T.float32(MARGIN * SUM_MARGIN), lanes)
                T.buffer_store(self.packed.lengths, length, [lanes_of])
            elif squares is not None:
                largest = T.call_llvm_pure_intrin(
                    "float32", "llvm.vector.reduce.fmax", T.Bind(squares[column.every])
                )
                T.buffer_store(longest, T.max(longest[0], largest), [0])
        if self.packed.shortest is not None:
            most = T.float32((self.room / SUM_MARGIN) ** 2) / longest[0]
            T.buffer_store(self.packed.shortest, most, [number])

    @property
    def _asks_for_lengths(self) -> bool:
        return self.packed.lengths is not None or self.packed.shortest is not None


@dataclass(frozen=True)
class _Column:
    """As many columns as a vector has lanes."""

    packing: Packing
    first: Expression
    width: int
    offsets: Buffer

    @property
    def every(self) -> Expression:
        """Indices of all lanes."""
        return tirx.Ramp(0, 1, self._lanes)

    @property
    def _lanes(self) -> int:
        return self.packing.layout.instructions.lanes

    def emit(self, begin: Expression, n: int, many: int, squares: Any) -> None:
        """Pack all rows of vector `n` of `many`; add up offsets and squares."""
        used, depth = self.packing.layout.instructions, self.packing.layout.window.image[2]
        group, lanes = used.group, self._lanes
        T.buffer_store(self.offsets, tirx.Broadcast(T.int32(0), lanes), [self.every])
        size = lanes * group
        whole, rest = divmod(depth, group)

        def word(number: Expression, rows: int) -> None:
            loaded = [self._row(number * group + m) for m in range(rows)]
            if squares is not None:
                for row in loaded:
                    value = T.Bind(T.Cast(f"float32x{lanes}", row))
                    T.buffer_store(
                        squares, squares[self.every] + unfused(value * value), [self.every]
                    )
            zero = tirx.Broadcast(tirx.const(0, used.weight), lanes)
            values = [*loaded, *[zero] * (group - rows)]
            together = T.Bind(_interleaved(values))
            place = begin + (number * many + n) * size
            T.buffer_store(self.packing.packed.weights, together, [tirx.Ramp(place, 1, size)])
            if self.packing.packed.begin is not None:
                offset = tirx.Broadcast(tirx.const(used.offset, used.element), size)
                total = used.dot(lanes, self.offsets[self.every], offset, together)
                T.buffer_store(self.offsets, total, [self.every])

        with T.serial(whole) as number:
            word(number, group)
        if rest:
            word(whole, rest)

    def _row(self, row: Expression) -> Expression:
        """Values of one row, in the type of packed weights; lanes not stored repeat the last."""
        columns, lanes = self.packing.layout.window.output[2], self._lanes
        value = T.Bind(self.packing.matrix[ramp(row * columns + self.first, self.width)])
        if self.width == 1:
            value = tirx.Broadcast(value, lanes)
        elif self.width < lanes:
            order = [T.int32(min(n, self.width - 1)) for n in range(lanes)]
            value = tirx.Shuffle([value] * -(-lanes // self.width), order)
        return T.Bind(T.Cast(f"{self.packing.layout.instructions.weight}x{lanes}", value))


def _interleaved(rows: list[Expression]) -> Expression:
    """The first element of each row, then the second of each, and so on; two or four rows."""
    size = 1
    while len(rows) > 1:
        lanes = rows[0].ty.dtype.lanes
        order = [
            T.int32(n)
            for at in range(0, lanes, size)
            for first in (at, lanes + at)
            for n in range(first, first + size)
        ]
        pairs = zip(rows[::2], rows[1::2], strict=True)
        rows = [T.Bind(tirx.Shuffle([a, b], order)) for a, b in pairs]
        size *= 2
    return rows[0]
