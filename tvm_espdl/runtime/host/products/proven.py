"""Tiles of int8: their sums fit int32, and are proven where the chip's register is narrower."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from tvm import tirx
from tvm.tirx.script import builder as T

from ....chips import Accumulator
from ..kernel import Buffer, Expression
from .ordered import Ordered
from .proof import SEGMENT, Segments, room
from .squares import Squares
from .statements import Buffers, view
from .tile import Body, Layout, Place, Tile, smallest


@dataclass(frozen=True)
class ProvenLayout(Layout):
    """A kernel of int8.

    Attributes
    ----------
    register : Accumulator or None
        That of the vectors whose windows must be proven.
    """

    register: Accumulator | None

    @property
    def squares(self) -> int:
        """Where the sums of squares begin in the working memory, in bytes."""
        size = np.dtype(self.instructions.element).itemsize
        return -(-self.blocks.elements * size // 64) * 64

    @property
    def scratch(self) -> int:
        """Bytes of working memory."""
        rows, columns = self.blocks.copied
        squares = rows * columns + self.blocks.rows * self.blocks.columns
        return self.squares + (4 * squares if self.register else 0)


class ProvenBody(Body):
    """The statements of one kernel."""

    kernel: ProvenLayout

    def __init__(self, kernel: ProvenLayout, buffers: Buffers) -> None:
        super().__init__(kernel, buffers)
        memory, size = buffers.memory, self.blocks.elements
        self.image = view(memory, self.instructions.element, (size,))
        self.squares = None
        if self.proof:
            rows, columns = self.blocks.copied
            outputs = self.blocks.rows * self.blocks.columns
            begin = kernel.squares
            pixels = view(memory, "int32", (rows * columns,), begin)
            windows = view(memory, "int32", (outputs,), begin + 4 * rows * columns)
            self.squares = Squares(self.blocks, pixels, windows)

    def _prepare(self, start: Expression) -> None:
        self.blocks.copy(self.buffers.x, self.image, start)
        if self.squares is not None:
            self.squares.emit(self.image)

    def _tile(self, place: Place) -> None:
        tile = _ProvenTile(self, place, self.image)
        sums = tile.summed()
        tile.store(sums)
        proven = [(n, at) for n, (at, vector) in enumerate(tile.vectors) if vector.proven]
        if proven:
            tile.prove(sums, proven)


class _ProvenTile(Tile):
    body: ProvenBody
    kernel: ProvenLayout

    def prove(self, sums: list[list[Buffer]], proven: list[tuple[int, Any]]) -> None:
        """Emit the proof of some vectors, and where it fails the sums in order."""
        register, squares, place = self.kernel.register, self.body.squares, self.place
        assert register is not None and squares is not None
        largest = squares.largest(place.row, place.column, self.tiles.outputs)
        longest = T.Bind(T.sqrt(T.cast(largest, "float32")))
        beside, lengths, _ = self.body.proof
        least = None
        for n, at in proven:
            lanes = self.in_lanes(at)
            totals = [total[self.every] for total in sums[n]]
            found = room(register, totals, beside[lanes], lengths[lanes], longest)
            least = found if least is None else T.min(least, found)
        # Those that are proven come first, and have all lanes.
        tested = T.grid(len(proven), self.tiles.outputs)
        with T.If(smallest(least) < 0), T.Then(), tested as (n, output):
            self._prove_exactly(n, output)

    def _prove_exactly(self, n: Expression, output: Expression) -> None:
        """Of one vector of one output: segment by segment; what has no proof again in order."""
        register, bias = self.kernel.register, self.body.proof[2]
        assert register is not None
        run, words = self.kernel.run, self.kernel.run.words(self.instructions)
        lanes = self.in_lanes(self.vectors[0][0] + n)
        segments = Segments(self.instructions, register, T.Bind(bias[lanes]))
        group, size = self.instructions.group, self.lanes * self.instructions.group
        with T.grid(*run.taps, -(-words // SEGMENT)) as (i, j, part):
            with T.serial(T.min(SEGMENT, words - part * SEGMENT)) as within:
                word = part * SEGMENT + within
                place = self.pixel + output * self.step + i * run.steps[0] + j * run.steps[1]
                at = self.weights_at((i * run.taps[1] + j) * words + word) + n * size
                value = T.Bind(self.image[tirx.Ramp(place + word * group, 1, group)])
                segments.add(value, T.Bind(self.body.weights[tirx.Ramp(at, 1, size)]))
            segments.end()
        with T.If(smallest(segments.room) < 0), T.Then():
            self._in_order(n, output)

    def _in_order(self, n: Expression, output: Expression) -> None:
        group = self.instructions.group
        beside, _, bias = self.body.proof
        at, vector = self.vectors[0]
        lanes = self.in_lanes(at + n)

        def weight(word: Expression, of_group: Expression) -> Expression:
            first = self.weights_at(word) + n * (self.lanes * group) + of_group
            return T.Cast(
                f"int32x{self.lanes}", self.body.weights[tirx.Ramp(first, group, self.lanes)]
            )

        register = self.kernel.register
        assert register is not None
        start = T.Bind(bias[lanes])
        window = Ordered(self.instructions, self.kernel.run, register)
        pixel = self.pixel + output * self.step
        total = window.sum(self.image, pixel, weight, start)
        total = total + (start - beside[lanes])  # what rounding adds
        kept = self.kept(at + n)
        place = self.result(at + n, output)
        self.kernel.store.emit(self.body.buffers.y, place, vector, T.Bind(total), kept)
