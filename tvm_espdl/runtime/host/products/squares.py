"""Sums of squares over the windows of one slice: how long each window is, as a vector.

They bound sums of products with any filter; what follows from a bound is not decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from tvm import tirx
from tvm.tirx.script import builder as T

from ..arithmetic import unfused
from ..kernel import Buffer, Expression, registers
from .image import Blocks, ramp, spread, steps


@dataclass(frozen=True)
class Squares:
    """Sums of squares over the windows of one slice.

    Attributes
    ----------
    pixels, windows : buffer
        int32 for images of int8, else float32; one for each pixel of the copy and for each output.
    """

    blocks: Blocks
    pixels: Buffer
    windows: Buffer

    @property
    def _kind(self) -> str:
        return str(self.pixels.dtype)

    def emit(self, image: Buffer) -> None:
        """Sum over pixels, then over windows.

        Parameters
        ----------
        image : buffer
            The copy, in one dimension.
        """
        blocks, depth = self.blocks, self.blocks.window.image[2]
        rows, columns = blocks.copied
        of_pixel = self._of_pixel if self._kind == "int32" else self._of_pixel_in_floats
        with T.serial(rows * columns) as pixel:
            T.buffer_store(self.pixels, of_pixel(image, pixel * depth, depth), [pixel])
        with T.serial(blocks.rows) as row:
            steps(blocks.columns, partial(self._windows, row), most=blocks.instructions.lanes)

    def _of_pixel(self, image: Buffer, at: Expression, depth: int) -> Expression:
        """Emit the sum of one pixel, in vectors as wide as there are instructions for."""
        used = self.blocks.instructions
        total = registers(1, "int32")
        T.buffer_store(total, T.int32(0), [0])
        done = 0
        for lanes in used.names:
            wide = lanes * used.group
            many = (depth - done) // wide
            if not many:
                continue
            sums, every = registers(lanes, "int32"), tirx.Ramp(0, 1, lanes)
            T.buffer_store(sums, spread(T.int32(0), lanes), [every])
            with T.serial(many) as n:
                pixels = T.Bind(image[tirx.Ramp(at + done + n * wide, 1, wide)])
                T.buffer_store(sums, used.dot(lanes, sums[every], *used.squared(pixels)), [every])
            of_lanes = T.call_llvm_pure_intrin("int32", "llvm.vector.reduce.add", sums[every])
            T.buffer_store(total, total[0] + of_lanes, [0])
            done += many * wide
        with T.serial(depth - done) as n:
            value = T.cast(image[at + done + n], "int32") - used.offset
            T.buffer_store(total, total[0] + value * value, [0])
        return total[0]

    def _of_pixel_in_floats(self, image: Buffer, at: Expression, depth: int) -> Expression:
        """The same of int16, whose squares leave 32 bits; rounded, as who uses it must know."""
        total, zero = registers(1, "float32"), T.float32(0)
        T.buffer_store(total, zero, [0])
        done = 0
        for lanes in self.blocks.instructions.names:
            many = (depth - done) // lanes
            if not many:
                continue
            sums, every = registers(lanes, "float32"), tirx.Ramp(0, 1, lanes)
            T.buffer_store(sums, spread(zero, lanes), [every])
            with T.serial(many) as n:
                pixels = image[tirx.Ramp(at + done + n * lanes, 1, lanes)]
                value = T.Bind(T.Cast(f"float32x{lanes}", pixels))
                T.buffer_store(sums, sums[every] + unfused(value * value), [every])
            T.buffer_store(total, total[0] + _added(T.Bind(sums[every])), [0])
            done += many * lanes
        with T.serial(depth - done) as n:
            value = T.Bind(T.cast(image[at + done + n], "float32"))
            T.buffer_store(total, total[0] + unfused(value * value), [0])
        return total[0]

    def _windows(self, row: Expression, column: Expression, lanes: int) -> None:
        """Emit the sums of `lanes` windows side by side."""
        window, every = self.blocks.window, ramp(0, lanes)
        total = registers(lanes, self._kind)
        T.buffer_store(total, spread(tirx.const(0, self._kind), lanes), [every])
        with T.grid(*window.kernel) as (i, j):
            y = row * window.strides[0] + i * window.dilations[0]
            x = column * window.strides[1] + j * window.dilations[1]
            first = y * self.blocks.copied[1] + x
            found = self.pixels[ramp(first, lanes, window.strides[1])]
            T.buffer_store(total, total[every] + found, [every])
        place = row * self.blocks.columns + column
        T.buffer_store(self.windows, total[every], [ramp(place, lanes)])

    def largest(self, row: Expression, column: Expression, count: int) -> Expression:
        """The largest of `count` windows side by side."""
        first = row * self.blocks.columns + column
        most = self.windows[first]
        for n in range(1, count):
            most = T.max(most, self.windows[first + n])
        return T.Bind(most)


def _added(value: Expression) -> Expression:
    """The sum of the lanes of a vector, a power of two of them."""
    lanes = value.ty.dtype.lanes
    while lanes > 1:
        lanes //= 2
        halves = [
            tirx.Shuffle([value], [T.int32(first + n) for n in range(lanes)])
            for first in (0, lanes)
        ]
        value = T.Bind(halves[0] + halves[1])
    return value
