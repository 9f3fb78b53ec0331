"""Tiles of int16: their sums take 32 bits where a window is short, else several of 32 bits each.

A window is short where its length times that of every filter of the tile, both as vectors, bounds
all sums (Cauchy and Schwarz). Where no sum can need more than 32 bits, nothing is asked.
"""

from __future__ import annotations

from dataclasses import dataclass

from tvm import tirx
from tvm.tirx.script import builder as T

from ..kernel import Buffer, Expression
from .digits import Digits
from .image import ramp, steps
from .squares import Squares
from .statements import Buffers, view
from .tile import Body, Layout, Place, Tile
from .vectors import Vector

_ALIGNMENT = 64


@dataclass(frozen=True)
class WordLayout(Layout):
    """A kernel of int16.

    Attributes
    ----------
    digits : Digits or None
        Those of the image for windows that are not short; None where every window is.
    """

    digits: Digits | None

    @property
    def planes(self) -> int:
        """How often the image is copied: whole, and each digit of it."""
        return 1 + len(self.digits.places) if self.digits else 1

    @property
    def partial(self) -> int:
        """Sums of one digit of a tile that are kept at once, in elements."""
        return max(t.vectors * t.outputs for t in self.tiles) * self.instructions.lanes

    @property
    def sums(self) -> int:
        """Where the sums of digits begin in the working memory, in bytes."""
        return _aligned(self.planes * self.blocks.elements * 2)

    @property
    def squares(self) -> int:
        """Where the sums of squares begin."""
        return self.sums + _aligned(4 * (self.planes - 1) * self.partial)

    @property
    def scratch(self) -> int:
        """Bytes of working memory."""
        rows, columns = self.blocks.copied
        squares = rows * columns + self.blocks.rows * self.blocks.columns
        return self.squares + (4 * squares if self.digits else 0)


class WordBody(Body):
    """The statements of one kernel."""

    kernel: WordLayout

    def __init__(self, kernel: WordLayout, buffers: Buffers) -> None:
        super().__init__(kernel, buffers)
        memory = buffers.memory
        self.image = view(memory, "int16", (kernel.planes * self.blocks.elements,))
        if kernel.digits:
            count = (kernel.planes - 1) * kernel.partial
            self.sums = view(memory, "int32", (count,), kernel.sums)
            rows, columns = self.blocks.copied
            outputs = self.blocks.rows * self.blocks.columns
            begin = kernel.squares
            pixels = view(memory, "float32", (rows * columns,), begin)
            windows = view(memory, "float32", (outputs,), begin + 4 * rows * columns)
            self.squares = Squares(self.blocks, pixels, windows)

    def _prepare(self, start: Expression) -> None:
        self.blocks.copy(self.buffers.x, self.image, start)
        if self.kernel.digits:
            self.squares.emit(self.image)
            self._take_apart(self.kernel.digits)

    def _take_apart(self, digits: Digits) -> None:
        """Emit the copies of the image that hold its digits."""
        size = self.blocks.elements

        def step(at: Expression, lanes: int) -> None:
            pixels = T.Bind(self.image[ramp(at, lanes)])
            for n, digit in enumerate(digits.of_pixels(pixels)):
                T.buffer_store(self.image, digit, [ramp((n + 1) * size + at, lanes)])

        steps(size, step)

    def _tile(self, place: Place) -> None:
        tile = _WordTile(self, place, self.image)
        if self.kernel.digits:
            tile.emit(self.kernel.digits)
        else:
            tile.store(tile.summed())


class _WordTile(Tile):
    body: WordBody
    kernel: WordLayout

    def emit(self, digits: Digits) -> None:
        """Emit the sums of the whole image, or of its digits, and the results."""
        (most,) = self.body.proof
        place, count = self.place, len(digits.places)
        largest = self.body.squares.largest(place.row, place.column, self.tiles.outputs)
        short = T.Bind(largest <= most[place.number])
        first = T.Bind(T.Select(short, T.int32(0), T.int32(1)))
        channels = len(self.kernel.vectors) * self.lanes
        with T.serial(T.Select(short, T.int32(1), T.int32(count))) as n:
            plane = T.Bind(first + n)
            sums = self.summed(plane * channels, plane * self.body.blocks.elements)
            with T.If(short):
                with T.Then():
                    self.store(sums)
                with T.Else():
                    self._keep(sums, n)
        with T.If(T.Not(short)), T.Then():
            self._join(digits)

    def _at(self, digit: Expression, vector: Expression, output: Expression) -> Expression:
        """Where the sums of a digit are kept."""
        of_vector = vector * self.tiles.outputs + output
        return tirx.Ramp(digit * self.kernel.partial + of_vector * self.lanes, 1, self.lanes)

    def _keep(self, sums: list[list[Buffer]], digit: Expression) -> None:
        for vector, of_vector in enumerate(sums):
            for output, total in enumerate(of_vector):
                value = total[self.every]
                T.buffer_store(self.body.sums, value, [self._at(digit, vector, output)])

    def _join(self, digits: Digits) -> None:
        """Emit the results, put together from the sums of all digits."""
        store, vectors = self.kernel.store, self.vectors
        for first, like, count in _alike([vector for _, vector in vectors]):
            with T.grid(count, self.tiles.outputs) as (n, output):
                vector = first + n
                at = T.Bind(vectors[0][0] + vector)
                parts = [
                    T.Bind(self.body.sums[self._at(digit, vector, output)])
                    for digit in range(len(digits.places))
                ]
                value = store.of_halves(digits.whole(parts), self.kept(at))
                store.saturated(self.body.buffers.y, self.result(at, output), like, value)


def _alike(vectors: list[Vector]) -> list[tuple[int, Vector, int]]:
    """The first of those that follow each other and are as wide, and how many there are."""
    found: list[tuple[int, Vector, int]] = []
    for n, vector in enumerate(vectors):
        if found and found[-1][1].width == vector.width:
            first, like, count = found[-1]
            found[-1] = (first, like, count + 1)
        else:
            found.append((n, vector, 1))
    return found


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
