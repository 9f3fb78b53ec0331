"""The statements that all kernels of dot products share: slices, tiles, and their sums.

What tiles there are and how constants lie is decided in `dense`; what becomes of the sums of a
tile, in `proven` and `words`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from tvm import tirx
from tvm.tirx.script import builder as T

from ..kernel import Buffer, Expression, registers
from .image import Blocks, ramp
from .instructions import Instructions
from .ordered import Run
from .statements import Buffers
from .store import Store
from .vectors import Vector
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
    vectors : tuple of Vector
        All output channels.
    run : Run
        How products follow each other.
    tiles : tuple of Tiles
        All vectors of channels.
    """

    window: Window
    blocks: Blocks
    vectors: tuple[Vector, ...]
    store: Store
    run: Run
    tiles: tuple[Tiles, ...]

    @property
    def instructions(self) -> Instructions:
        """Those of the image's copy."""
        return self.blocks.instructions


class Body(ABC):
    """The statements of one kernel."""

    def __init__(self, kernel: Layout, buffers: Buffers) -> None:
        self.kernel, self.buffers = kernel, buffers
        self.instructions, self.blocks = kernel.instructions, kernel.blocks
        self.weights, self.begin, self.zero, *rest = buffers.constants
        count = len(kernel.store.kept)
        self.kept, self.proof = rest[:count], rest[count:]
        self.lanes = self.instructions.lanes

    def emit(self, begin: Expression, end: Expression) -> None:
        """Slices `begin` to `end - 1`."""
        with T.serial(end - begin) as n:
            # TVM believes that accesses of different widths at constant places never meet.
            start = T.Bind(self.blocks.start(begin + n) + self.zero[0])
            self._prepare(start)
            offset = number = 0
            for tiles in self.kernel.tiles:
                self._tiles(tiles, (number, offset), start)
                offset += tiles.count * self._weights_of(tiles)
                number += tiles.count

    @abstractmethod
    def _prepare(self, start: Expression) -> None:
        """Emit what comes before the tiles of the slice from `start` on."""

    @abstractmethod
    def _tile(self, place: Place) -> None:
        """Emit one tile."""

    @property
    def _words(self) -> int:
        run = self.kernel.run
        return run.taps[0] * run.taps[1] * run.words(self.instructions)

    def _weights_of(self, tiles: Tiles) -> int:
        return self._words * tiles.vectors * self.lanes * self.instructions.group

    def _tiles(self, tiles: Tiles, done: tuple[int, int], start: Expression) -> None:
        columns = self.blocks.columns
        across = -(-columns // tiles.outputs)
        with T.grid(tiles.count, self.blocks.rows, across) as (tile, row, part):
            column = T.Bind(T.min(part * tiles.outputs, columns - tiles.outputs) + self.zero[0])
            weights = T.Bind(done[1] + tile * self._weights_of(tiles))
            self._tile(Place(tiles, tile, done[0] + tile, start, row, column, weights))


@dataclass(frozen=True)
class Place:
    """Where a tile lies.

    Attributes
    ----------
    tile, number : expression
        Its number among tiles of the same size, and among all.
    start : expression
        Of the slice.
    row, column : expression
        Of the first output within the slice.
    weights : expression
        Where the weights of the tile begin.
    """

    tiles: Tiles
    tile: Expression
    number: Expression
    start: Expression
    row: Expression
    column: Expression
    weights: Expression


class Tile:
    """The sums of one tile.

    Parameters
    ----------
    image : buffer
        The copy, in one dimension.
    """

    def __init__(self, body: Body, place: Place, image: Buffer) -> None:
        self.body, self.place, self.tiles, self.image = body, place, place.tiles, image
        self.kernel, self.instructions = body.kernel, body.instructions
        self.lanes = body.lanes
        window, blocks = self.kernel.window, self.kernel.blocks
        self.step = window.strides[1] * window.image[2]
        down = window.strides[0] * blocks.pitch
        self.pixel = T.Bind(place.row * down + place.column * self.step)

    @property
    def outputs(self) -> range:
        """Outputs side by side."""
        return range(self.tiles.outputs)

    @property
    def vectors(self) -> list[tuple[Expression, Vector]]:
        """Place of each vector's lanes, and a vector like it."""
        first = self.tiles.first + self.place.tile * self.tiles.vectors
        like = self.kernel.vectors[self.tiles.first :]
        return [(first + n, like[n]) for n in range(self.tiles.vectors)]

    def in_lanes(self, at: Expression) -> Expression:
        """Indices of what belongs to the lanes of a vector."""
        return tirx.Ramp(at * self.lanes, 1, self.lanes)

    @property
    def every(self) -> Expression:
        """Indices of all lanes of a register."""
        return tirx.Ramp(0, 1, self.lanes)

    def weights_at(self, word: Expression) -> Expression:
        """Where the weights of one group of products begin."""
        size = self.tiles.vectors * self.lanes * self.instructions.group
        return self.place.weights + word * size

    def summed(self, begin: Expression = 0, plane: Expression = 0) -> list[list[Buffer]]:
        """Emit the sums: registers by vector and output.

        Parameters
        ----------
        begin : expression
            Where in `body.begin` stands what the sums of the first channel begin with.
        plane : expression
            Where the image begins.
        """
        sums = [[registers(self.lanes, "int32") for _ in self.outputs] for _ in self.vectors]
        for of_vector, (at, _) in zip(sums, self.vectors, strict=True):
            first = T.Bind(self.body.begin[tirx.Ramp(begin + at * self.lanes, 1, self.lanes)])
            for total in of_vector:
                T.buffer_store(total, first, [self.every])
        self._add_products(sums, plane)
        return sums

    def _add_products(self, sums: list[list[Buffer]], plane: Expression) -> None:
        run, group = self.kernel.run, self.instructions.group
        words, many = run.words(self.instructions), self.tiles.vectors
        every, size = self.every, self.lanes * group
        with T.grid(*run.taps, words) as (i, j, word):
            taps = i * run.steps[0] + j * run.steps[1]
            pixel = T.Bind(plane + self.pixel + taps + word * group)
            at = T.Bind(self.weights_at((i * run.taps[1] + j) * words + word))
            weights = [
                T.Bind(self.body.weights[tirx.Ramp(at + n * size, 1, size)]) for n in range(many)
            ]
            for output in self.outputs:
                value = self.image[ramp(pixel + output * self.step, group)]
                image = T.Bind(self.instructions.repeated(value))
                for of_vector, weight in zip(sums, weights, strict=True):
                    total = of_vector[output]
                    added = self.instructions.dot(self.lanes, total[every], image, weight)
                    T.buffer_store(total, added, [every])

    def kept(self, at: Expression) -> list[Expression]:
        """What the store keeps for the lanes of a vector."""
        return [T.Bind(values[self.in_lanes(at)]) for values in self.body.kept]

    def result(self, at: Expression, output: Expression) -> Expression:
        """Where the results of a vector begin in `y`."""
        place = self.place
        return self.kernel.blocks.place(place.start, place.row, place.column + output) + (
            at * self.lanes
        )

    def store(self, sums: list[list[Buffer]]) -> None:
        """Emit the results of sums that fit int32."""
        for of_vector, (at, vector) in zip(sums, self.vectors, strict=True):
            kept = self.kept(at)
            for output, total in zip(self.outputs, of_vector, strict=True):
                place = self.result(at, output)
                self.kernel.store.emit(self.body.buffers.y, place, vector, total[self.every], kept)


def smallest(lanes: Expression) -> Expression:
    """The smallest lane of a vector of int32."""
    return T.call_llvm_pure_intrin("int32", "llvm.vector.reduce.smin", T.Bind(lanes))
