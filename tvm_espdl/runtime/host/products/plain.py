"""Sums of products as loops that LLVM vectorises for any CPU, in any register of any chip.

Filters are packed so that the innermost loop runs over output channels, and borders are copied
into the image beforehand; it must never change an order of sums that `channels` calls clamped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops import Tensor
from ....ops.base.rounding import Array
from ..arithmetic import clamp, rescale
from ..channels import Group, bias_of, groups
from ..kernel import Buffer, Expression, registers
from .statements import Buffers, Statements, view
from .window import Finish, Window

MOST_COLUMNS = 4  # outputs side by side that share each weight read


def plain_products(
    chip: Chip,
    window: Window,
    weights: Array,
    bias: Array | None,
    finish: Finish,
    *,
    depthwise: bool = False,
    only_ordered: bool = False,
) -> Statements:
    """The statements of a convolution.

    Parameters
    ----------
    weights : numpy.ndarray
        `(O, KH, KW, C)`; C is 1 for depthwise.
    only_ordered : bool
        Only channels that must be summed in the chip's order, and those of their blocks.
    """
    dtype, count = finish.dtype, len(weights)
    kept = bias_of(chip, bias, count, dtype, depthwise)
    parts = groups(chip, weights.reshape(count, -1), kept, dtype, lanes_only=depthwise)
    parts = [part for part in parts if part.clamped or not only_ordered]
    blocks = [(part, start) for part in parts for start in part.starts]
    starts = np.array([start for _, start in blocks], np.int32)
    shifts = np.array(np.broadcast_to(finish.shifts, count), np.int32)
    bordered = any(window.pads)
    rows, columns, _ = window.output
    units = rows if rows > 1 else -(-columns // columns_together(columns))

    def emit(given: Buffers, begin: Expression, end: Expression) -> None:
        image = T.decl_buffer(window.image, dtype, data=given.x.data)
        if bordered:
            inside, image = image, view(given.memory, dtype, window.padded)
            _copy_inside_border(inside, image, window)
            begin, end = 0, units
        y = T.decl_buffer(window.output, dtype, data=given.y.data)
        packed, of_bias, of_shifts, of_starts = given.constants
        buffers = _Buffers(image, packed, of_bias, of_shifts, of_starts, y)
        block = offset = 0
        for part in parts:
            _Loops(chip, window, finish, part, depthwise, block, offset, buffers).emit(begin, end)
            block += len(part.starts)
            offset += len(part.starts) * part.width * weights[0].size

    constants = (_packed(weights, blocks), kept, shifts, starts)
    scratch = Tensor(dtype, window.padded).nbytes if bordered else 0
    # Each slice would need the whole copy.
    return Statements(emit, constants, scratch, 1 if bordered else units)


def _packed(weights: Array, blocks: list[tuple[Group, int]]) -> Array:
    """By block of channels, product, and channel."""
    found = (weights[start : start + part.width].reshape(part.width, -1) for part, start in blocks)
    return np.concatenate([rows.T.ravel() for rows in found])


def _copy_inside_border(x: Buffer, image: Buffer, window: Window) -> None:
    with T.grid(*window.padded) as (row, column, channel):
        T.buffer_store(image, T.cast(0, str(image.dtype)), [row, column, channel])
    top, left = window.pads[:2]
    with T.grid(*window.image) as (row, column, channel):
        T.buffer_store(image, x[row, column, channel], [row + top, column + left, channel])


def columns_together(columns: int) -> int:
    """How many outputs of a row to compute at once: few twice, and each weight read seldom."""
    widths = range(1, min(MOST_COLUMNS, columns) + 1)
    return min(widths, key=lambda width: -(-columns // width) * (width + 1))


@dataclass(frozen=True)
class _Buffers:
    image: Buffer
    weights: Buffer
    bias: Buffer
    shifts: Buffer
    starts: Buffer
    y: Buffer


@dataclass(frozen=True)
class _Loops:
    """The loops over one group of output channels.

    `block` and `offset` say where its blocks and its weights begin in `starts` and `weights`.
    """

    chip: Chip
    window: Window
    finish: Finish
    group: Group
    depthwise: bool
    block: int
    offset: int
    buffers: _Buffers

    def emit(self, begin: Expression, end: Expression) -> None:
        """The loops over blocks of channels, rows, and outputs computed together."""
        rows, columns, _ = self.window.output
        together = columns_together(columns)
        tiles = -(-columns // together)
        count = end - begin
        extents = (count if rows > 1 else 1, tiles if rows > 1 else count)
        with T.grid(len(self.group.starts), *extents) as (block, y, x):
            row, tile = (begin + y, x) if rows > 1 else (y, begin + x)
            # The last tile overlaps the one before it instead of reaching over the edge.
            first = T.min(tile * together, columns - together)
            start = self.buffers.starts[self.block + block]
            sums = registers(together * self.group.width, self.group.dtype)
            for _, lane, place in self._lanes(together):
                bias = T.cast(self.buffers.bias[start + lane], self.group.dtype)
                T.buffer_store(sums, self._limited(bias), [place])
            self._add_products(sums, together, block, row, first, start)
            for at, lane, place in self._lanes(together):
                value = self._finished(sums[place], self.buffers.shifts[start + lane])
                T.buffer_store(self.buffers.y, value, [row, first + at, start + lane])

    def _lanes(self, together: int) -> Iterator[tuple[int, Expression, Expression]]:
        """For each output computed together, a vector of channels and its place in the sums."""
        for at in range(together):
            with T.vectorized(self.group.width) as lane:
                yield at, lane, at * self.group.width + lane

    def _add_products(
        self,
        sums: Buffer,
        together: int,
        *position: Expression,
    ) -> None:
        block, row, first, start = position
        window, group = self.window, self.group
        depth = 1 if self.depthwise else window.image[2]
        run = min(depth, group.clamped.products_per_clamp) if group.clamped else depth
        with T.grid(*window.kernel, -(-depth // run)) as (i, j, part):
            y = row * window.strides[0] + i * window.dilations[0]
            with T.serial(T.min(run, depth - part * run)) as within:
                channel = part * run + within
                tap = ((block * window.kernel[0] + i) * window.kernel[1] + j) * depth + channel
                for at, lane, place in self._lanes(together):
                    x = (first + at) * window.strides[1] + j * window.dilations[1]
                    pixel = self.buffers.image[y, x, start + lane if self.depthwise else channel]
                    weight = self.buffers.weights[self.offset + tap * group.width + lane]
                    product = T.cast(pixel, "int32") * T.cast(weight, "int32")
                    T.buffer_store(sums, sums[place] + T.cast(product, group.dtype), [place])
            if group.clamped:
                for _, _, place in self._lanes(together):
                    T.buffer_store(sums, self._limited(sums[place]), [place])

    def _limited(self, total: Expression) -> Expression:
        register = self.group.clamped
        return clamp(total, register.lowest, register.highest) if register else total

    def _finished(self, total: Expression, shift: Expression) -> Expression:
        if self.group.wraps:
            total = T.cast(T.cast(total, "int32"), "int64")
        return rescale(
            total,
            self.finish.shifts,
            self.finish.dtype,
            self.chip,
            channel=shift,
            relu=self.finish.relu,
        )
