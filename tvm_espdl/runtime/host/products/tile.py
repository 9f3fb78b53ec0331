"""The statements of a kernel of dot products: slices, tiles, stores, and proofs where needed.

What tiles there are and how constants lie is decided in `dense`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from tvm import tirx
from tvm.tirx.script import builder as T

from ..kernel import Buffer, Expression, registers
from .image import Blocks
from .instructions import Instructions
from .ordered import Ordered, Run
from .proof import SEGMENT, Segments, Squares, room
from .store import Store
from .vectors import Channels, Vector
from .window import Window


@dataclass(frozen=True)
class Tiles:
    """`count` tiles of the same size.

    Attributes
    ----------
    first : int
        Vector of channels at which they begin.
    vectors, outputs : int
        Vectors of one tile, and outputs side by side.
    """

    first: int
    count: int
    vectors: int
    outputs: int


@dataclass(frozen=True)
class Layout:
    """What a kernel computes, and how.

    Attributes
    ----------
    run : Run
        How products follow each other.
    tiles : tuple of Tiles
        All vectors of channels.
    """

    window: Window
    blocks: Blocks
    channels: Channels
    store: Store
    run: Run
    tiles: tuple[Tiles, ...]

    @property
    def instructions(self) -> Instructions:
        """Those of the image's copy."""
        return self.blocks.instructions

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
        return self.squares + (4 * squares if self.channels.register else 0)


@dataclass(frozen=True)
class Buffers:
    """What the kernel's pointers refer to."""

    x: Buffer
    constants: tuple[Buffer, ...]
    y: Buffer
    memory: Buffer


class Body:
    """The statements of one kernel."""

    def __init__(self, kernel: Layout, buffers: Buffers) -> None:
        self.kernel, self.buffers = kernel, buffers
        self.instructions, self.blocks = kernel.instructions, kernel.blocks
        self.weights, self.begin, self.zero, *rest = buffers.constants
        count = len(kernel.store.kept)
        self.kept, self.proof = rest[:count], rest[count:]
        self.lanes = self.instructions.lanes
        pointer = buffers.memory.data
        self.image = T.decl_buffer((self.blocks.elements,), self.instructions.element, data=pointer)
        self.squares = None
        if self.proof:
            rows, columns = self.blocks.copied
            outputs = self.blocks.rows * self.blocks.columns
            begin = kernel.squares // 4
            pixels = T.decl_buffer((rows * columns,), "int32", data=pointer, elem_offset=begin)
            windows = T.decl_buffer(
                (outputs,), "int32", data=pointer, elem_offset=begin + rows * columns
            )
            self.squares = Squares(self.blocks, pixels, windows)

    def emit(self, begin: Expression, end: Expression) -> None:
        """Slices `begin` to `end - 1`."""
        with T.serial(end - begin) as n:
            # TVM believes that accesses of different widths at constant places never meet.
            start = T.Bind(self.blocks.start(begin + n) + self.zero[0])
            self.blocks.copy(self.buffers.x, self.image, start)
            if self.squares is not None:
                self.squares.emit(self.image)
            offset = 0
            for tiles in self.kernel.tiles:
                self._tiles(tiles, offset, start)
                offset += tiles.count * self._weights_of(tiles)

    @property
    def _words(self) -> int:
        run = self.kernel.run
        return run.taps[0] * run.taps[1] * run.words(self.instructions)

    def _weights_of(self, tiles: Tiles) -> int:
        return self._words * tiles.vectors * self.lanes * self.instructions.group

    def _tiles(self, tiles: Tiles, offset: int, start: Expression) -> None:
        columns = self.blocks.columns
        across = -(-columns // tiles.outputs)
        with T.grid(tiles.count, self.blocks.rows, across) as (tile, row, part):
            column = T.Bind(T.min(part * tiles.outputs, columns - tiles.outputs) + self.zero[0])
            weights = T.Bind(offset + tile * self._weights_of(tiles))
            Tile(self, tiles, (tile, row, column), start, weights).emit()


class Tile:
    """One tile."""

    def __init__(
        self,
        body: Body,
        tiles: Tiles,
        position: tuple[Expression, Expression, Expression],
        start: Expression,
        weights: Expression,
    ) -> None:
        self.body, self.tiles = body, tiles
        self.tile, self.row, self.column = position
        self.start, self.weights = start, weights
        self.kernel, self.instructions = body.kernel, body.instructions
        self.lanes = body.lanes
        window, blocks = self.kernel.window, self.kernel.blocks
        self.step = window.strides[1] * window.image[2]
        down = window.strides[0] * blocks.pitch
        self.pixel = T.Bind(self.row * down + self.column * self.step)

    def emit(self) -> None:
        """Sums, stores, and where there is no proof the sums in order."""
        sums = [[registers(self.lanes, "int32") for _ in self._outputs] for _ in self._vectors]
        every = tirx.Ramp(0, 1, self.lanes)
        for of_vector, (at, _) in zip(sums, self._vectors, strict=True):
            bias = T.Bind(self.body.begin[self._in_lanes(at)])
            for total in of_vector:
                T.buffer_store(total, bias, [every])
        self._add_products(sums)
        for of_vector, (at, number) in zip(sums, self._vectors, strict=True):
            kept = [T.Bind(values[self._in_lanes(at)]) for values in self.body.kept]
            for output, total in zip(self._outputs, of_vector, strict=True):
                self._store(self._vector(number), at * self.lanes, output, total[every], kept)
        proven = [(n, v) for n, v in enumerate(self._vectors) if self._vector(v[1]).proven]
        if proven:
            self._prove(sums, proven)

    @property
    def _outputs(self) -> range:
        return range(self.tiles.outputs)

    @property
    def _vectors(self) -> list[tuple[Expression, int]]:
        """Place of each vector's lanes, and a vector like it."""
        first = self.tiles.first + self.tile * self.tiles.vectors
        return [(first + n, self.tiles.first + n) for n in range(self.tiles.vectors)]

    def _vector(self, number: int) -> Vector:
        return self.kernel.channels.vectors[number]

    def _in_lanes(self, at: Expression) -> Expression:
        return tirx.Ramp(at * self.lanes, 1, self.lanes)

    @property
    def _every(self) -> Expression:
        return tirx.Ramp(0, 1, self.lanes)

    def _weights_at(self, word: Expression) -> Expression:
        """Where the weights of one group of products begin."""
        return self.weights + word * (self.tiles.vectors * self.lanes * self.instructions.group)

    def _add_products(self, sums: list[list[Buffer]]) -> None:
        run, group = self.kernel.run, self.instructions.group
        words, many = run.words(self.instructions), self.tiles.vectors
        every = tirx.Ramp(0, 1, self.lanes)
        with T.grid(*run.taps, words) as (i, j, word):
            place = T.Bind(self.pixel + i * run.steps[0] + j * run.steps[1] + word * group)
            size = self.lanes * group
            at = T.Bind(self._weights_at((i * run.taps[1] + j) * words + word))
            weights = [
                T.Bind(self.body.weights[tirx.Ramp(at + n * size, 1, size)]) for n in range(many)
            ]
            for output in self._outputs:
                value = self.body.image[tirx.Ramp(place + output * self.step, 1, group)]
                image = T.Bind(self.instructions.repeated(value))
                for of_vector, weight in zip(sums, weights, strict=True):
                    total = of_vector[output]
                    T.buffer_store(
                        total,
                        self.instructions.dot(self.lanes, total[every], image, weight),
                        [every],
                    )

    def _store(
        self,
        vector: Vector,
        channel: Expression,
        output: Expression,
        total: Expression,
        kept: list[Expression],
    ) -> None:
        place = self.kernel.blocks.place(self.start, self.row, self.column + output) + channel
        self.kernel.store.emit(self.body.buffers.y, place, vector, total, kept)

    def _prove(self, sums: list[list[Buffer]], proven: list[tuple[int, Any]]) -> None:
        register, squares = self.kernel.channels.register, self.body.squares
        assert register is not None and squares is not None
        every = tirx.Ramp(0, 1, self.lanes)
        longest = squares.longest(self.row, self.column, self.tiles.outputs)
        beside, lengths, _ = self.body.proof
        least = None
        for n, (at, _) in proven:
            lanes = self._in_lanes(at)
            totals = [total[every] for total in sums[n]]
            found = room(register, totals, beside[lanes], lengths[lanes], longest)
            least = found if least is None else T.min(least, found)
        # Those that are proven come first, and have all lanes.
        tested = T.grid(len(proven), self.tiles.outputs)
        with T.If(_smallest(least) < 0), T.Then(), tested as (n, output):
            self._prove_exactly(n, output)

    def _prove_exactly(self, n: Expression, output: Expression) -> None:
        """Of one vector of one output: segment by segment; what has no proof again in order."""
        register, bias = self.kernel.channels.register, self.body.proof[2]
        assert register is not None
        run, words = self.kernel.run, self.kernel.run.words(self.instructions)
        lanes = self._in_lanes(self._vectors[0][0] + n)
        segments = Segments(self.instructions, register, T.Bind(bias[lanes]))
        group, size = self.instructions.group, self.lanes * self.instructions.group
        with T.grid(*run.taps, -(-words // SEGMENT)) as (i, j, part):
            with T.serial(T.min(SEGMENT, words - part * SEGMENT)) as within:
                word = part * SEGMENT + within
                place = self.pixel + output * self.step + i * run.steps[0] + j * run.steps[1]
                at = self._weights_at((i * run.taps[1] + j) * words + word) + n * size
                value = T.Bind(self.body.image[tirx.Ramp(place + word * group, 1, group)])
                segments.add(value, T.Bind(self.body.weights[tirx.Ramp(at, 1, size)]))
            segments.end()
        with T.If(_smallest(segments.room) < 0), T.Then():
            self._in_order(n, output)

    def _in_order(self, n: Expression, output: Expression) -> None:
        group = self.instructions.group
        beside, _, bias = self.body.proof
        lanes = self._in_lanes(self._vectors[0][0] + n)

        def weight(word: Expression, of_group: Expression) -> Expression:
            first = self._weights_at(word) + n * (self.lanes * group) + of_group
            return T.Cast(
                f"int32x{self.lanes}", self.body.weights[tirx.Ramp(first, group, self.lanes)]
            )

        register = self.kernel.channels.register
        assert register is not None
        start = T.Bind(bias[lanes])
        window = Ordered(self.instructions, self.kernel.run, register)
        pixel = self.pixel + output * self.step
        total = window.sum(self.body.image, pixel, weight, start)
        total = total + (start - beside[lanes])  # what rounding adds
        kept = [T.Bind(values[lanes]) for values in self.body.kept]
        channel = (self._vectors[0][0] + n) * self.lanes
        self._store(self._vector(self._vectors[0][1]), channel, output, T.Bind(total), kept)


def _smallest(lanes: Expression) -> Expression:
    return T.call_llvm_pure_intrin("int32", "llvm.vector.reduce.smin", T.Bind(lanes))
