"""The image as dot products read it: a copy with padding, in the element type of the instruction.

One call copies the rows that a slice of the output needs, in one pass; it never sums.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from tvm import tirx
from tvm.tirx.script import builder as T

from ..kernel import Buffer, Expression
from .instructions import Instructions
from .window import Window

VECTOR = 64  # bytes copied at once; longer rows take several steps
SLACK = 256  # bytes behind the copy that dot products may read; their weights are 0
BLOCK_BYTES = 96 * 1024  # of one copied block, for the caches next to the CPU
SLICES, SLICE_MACS = 4, 1 << 21  # as many at least, if each has as many products


@dataclass(frozen=True)
class Blocks:
    """How the output is cut into slices, and what of the image each needs.

    Attributes
    ----------
    window : Window
        `flat` ones have an output of one row, and are cut into columns instead of rows.
    rows, columns : int
        Output of one slice. The last slice overlaps the one before it.
    """

    window: Window
    instructions: Instructions
    flat: bool
    rows: int
    columns: int

    @property
    def count(self) -> int:
        """Slices."""
        rows, columns, _ = self.window.output
        return -(-columns // self.columns) if self.flat else -(-rows // self.rows)

    @property
    def copied(self) -> tuple[int, int]:
        """Rows and columns of the copy."""
        if self.flat:
            return 1, self.columns
        return _needed_rows(self.window, self.rows), self.window.padded[1]

    @property
    def pitch(self) -> int:
        """Elements from one row of the copy to the next."""
        return self.copied[1] * self.window.image[2]

    @property
    def elements(self) -> int:
        """Of the copy, with what may be read behind it."""
        return self.copied[0] * self.pitch + SLACK

    def start(self, block: Expression) -> Expression:
        """The first row (column of flat ones) of the output of a slice."""
        rows, columns, _ = self.window.output
        if self.flat:
            return T.min(block * self.columns, columns - self.columns)
        return T.min(block * self.rows, rows - self.rows)

    def place(self, start: Expression, row: Expression, column: Expression) -> Expression:
        """Where the channels of an output begin in `y`, in elements."""
        _, columns, channels = self.window.output
        if self.flat:
            return (start + column) * channels
        return ((start + row) * columns + column) * channels

    def copy(self, x: Buffer, image: Buffer, start: Expression) -> None:
        """Emit the copy of what the slice from `start` on needs.

        Parameters
        ----------
        x, image : buffer
            Both in one dimension.
        """
        _, width, channels = self.window.image
        if self.flat:
            self._copy(x, start * channels, image, 0, count=self.columns * channels)
            return
        _, left, _, right = self.window.pads
        first = start * self.window.strides[0] - self.window.pads[0]
        height = self.window.image[0]
        with T.serial(self.copied[0]) as row:
            at = row * self.pitch
            inside = tirx.all(first + row >= 0, first + row < height)
            with T.If(inside):
                with T.Then():
                    self._fill(image, at, left * channels)
                    begin = at + left * channels
                    source = (first + row) * (width * channels)
                    self._copy(x, source, image, begin, count=width * channels)
                    self._fill(image, begin + width * channels, right * channels)
                with T.Else():
                    self._fill(image, at, self.pitch)

    def _copy(
        self, x: Buffer, begin: Expression, image: Buffer, to: Expression, *, count: int
    ) -> None:
        def step(at: Expression, lanes: int) -> None:
            value = x[ramp(begin + at, lanes)]
            if self.instructions.element == "uint8":
                value = T.reinterpret(_type("uint8", lanes), value)
                value = value ^ spread(T.uint8(128), lanes)
            else:
                value = T.Cast(_type(self.instructions.element, lanes), value)
            T.buffer_store(image, value, [ramp(to + at, lanes)])

        steps(count, step)

    def _fill(self, image: Buffer, to: Expression, count: int) -> None:
        element = self.instructions.element
        value = tirx.const(self.instructions.offset, element)

        def step(at: Expression, lanes: int) -> None:
            T.buffer_store(image, spread(value, lanes), [ramp(to + at, lanes)])

        steps(count, step)


def blocks_of(
    window: Window, instructions: Instructions, flat: bool, macs: int, *, planes: int = 1
) -> Blocks:
    """Slices whose copy fits the caches, and some for several threads where there is much to do.

    Parameters
    ----------
    macs : int
        Products of the whole output.
    planes : int
        How many copies there are.
    """
    rows, columns, _ = window.output
    size = np.dtype(instructions.element).itemsize * planes
    least = max(1, min(SLICES, macs // SLICE_MACS))
    if flat:
        most = max(1, BLOCK_BYTES // (window.image[2] * size))
        count = min(columns, max(least, -(-columns // most)))
        return Blocks(window, instructions, True, 1, -(-columns // count))
    row = window.padded[1] * window.image[2] * size
    fitting = (n for n in range(rows, 1, -1) if _needed_rows(window, n) * row <= BLOCK_BYTES)
    count = min(rows, max(least, -(-rows // next(fitting, 1))))
    return Blocks(window, instructions, False, -(-rows // count), columns)


def _needed_rows(window: Window, rows: int) -> int:
    return (rows - 1) * window.strides[0] + window.extent[0]


def steps(count: int, step: Callable[[Expression, int], None], most: int = VECTOR) -> None:
    """Emit `step(at, lanes)` for all of `count`; the last one overlaps what is done already."""
    if not count:
        return
    lanes = min(most, 1 << (count.bit_length() - 1))
    if count == lanes:
        step(0, lanes)
        return
    with T.serial(count // lanes) as n:
        step(n * lanes, lanes)
    if count % lanes:
        step(count - lanes, lanes)


def ramp(begin: Expression, lanes: int, stride: int = 1) -> Expression:
    """Consecutive indices, or one."""
    return begin if lanes == 1 else tirx.Ramp(begin, stride, lanes)


def spread(value: Expression, lanes: int) -> Expression:
    """A vector of the same value, or the value."""
    return value if lanes == 1 else tirx.Broadcast(value, lanes)


def _type(dtype: str, lanes: int) -> str:
    return dtype if lanes == 1 else f"{dtype}x{lanes}"
