"""The statements of a depthwise kernel: pixels of several taps are interleaved in registers.

Each lane of a dot product holds taps of one channel; neighbouring outputs share what is
interleaved. Vectors are interleaved, and narrowed again, within each 128 bits, which brings the
channels back into their order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tvm import tirx
from tvm.tirx.script import builder as T

from ..kernel import Buffer, Expression, registers
from .digits import Digits
from .image import Blocks
from .instructions import Instructions
from .statements import Buffers, view
from .store import Store, store_first
from .window import Window

MOST_OUTPUTS = 4
Tap = tuple[int, int]


@dataclass(frozen=True)
class Channels:
    """`count` blocks of channels that are computed alike, from channel `start` on.

    Attributes
    ----------
    lanes : int
        Of the vectors of sums.
    width : int
        Channels of one block that are stored; of all but the last block all there are.
    """

    start: int
    count: int
    lanes: int
    width: int


@dataclass(frozen=True)
class Depthwise:
    """What a kernel computes, and how.

    Attributes
    ----------
    taps : list of list of (int, int)
        Those of one dot product together: rows and columns of the window.
    digits : Digits or None
        Those of the weights, each summed on its own; None where all sums fit int32.
    """

    window: Window
    blocks: Blocks
    store: Store
    taps: list[list[Tap]]
    channels: list[Channels]
    digits: Digits | None = None

    @property
    def parts(self) -> int:
        """Sums of each output."""
        return len(self.digits.places) if self.digits else 1

    @property
    def padded_channels(self) -> int:
        """All channels, and what the last block has besides."""
        last = self.channels[-1]
        return last.start + last.count * last.lanes * self.instructions.group

    @property
    def instructions(self) -> Instructions:
        """Those of the image's copy."""
        return self.blocks.instructions


class Body:
    """The statements of one kernel."""

    def __init__(self, kernel: Depthwise, buffers: Buffers) -> None:
        self.kernel, self.x, self.y = kernel, buffers.x, buffers.y
        self.weights, self.zero, self.begin, *self.kept = buffers.constants
        self.instructions, self.blocks = kernel.instructions, kernel.blocks
        size = (self.blocks.elements,)
        self.image = view(buffers.memory, self.instructions.element, size)

    def emit(self, begin: Expression, end: Expression) -> None:
        """Slices `begin` to `end - 1`."""
        with T.serial(end - begin) as n:
            # TVM believes that accesses of different widths at constant places never meet.
            start = T.Bind(self.blocks.start(begin + n) + self.zero[0])
            self.blocks.copy(self.x, self.image, start)
            for channels in self.kernel.channels:
                self._channels(channels, start)

    def _channels(self, channels: Channels, start: Expression) -> None:
        columns = self.blocks.columns
        together = min(MOST_OUTPUTS, columns)
        if self.instructions.registers < 32:
            together = min(together, 2)
        across = -(-columns // together)
        together = -(-columns // across)
        with T.grid(channels.count, self.blocks.rows, across) as (block, row, part):
            column = T.Bind(T.min(part * together, columns - together) + self.zero[0])
            _Tile(self, channels, (block, row, column), together).emit(start)


class _Tile:
    """Some outputs side by side, of one block of channels."""

    def __init__(
        self,
        body: Body,
        channels: Channels,
        position: tuple[Expression, Expression, Expression],
        together: int,
    ) -> None:
        self.body, self.channels, self.together = body, channels, together
        self.kernel, self.instructions = body.kernel, body.instructions
        self.window, self.lanes = self.kernel.window, channels.lanes
        self.wide = self.lanes * self.instructions.group
        block, self.row, self.column = position
        self.channel = T.Bind(channels.start + block * self.wide)
        depth, strides = self.window.image[2], self.window.strides
        self.pixel = T.Bind(
            self.row * (strides[0] * self.kernel.blocks.pitch)
            + self.column * (strides[1] * depth)
            + self.channel
        )

    def emit(self, start: Expression) -> None:
        """Sums and stores."""
        sums = [
            [[registers(self.lanes, "int32") for _ in self._parts] for _ in self._group]
            for _ in self._outputs
        ]
        for part in self._parts:
            for q in self._group:
                bias = T.Bind(self.body.begin[self._in_lanes(q, part)])
                for of_output in sums:
                    T.buffer_store(of_output[q][part], bias, [self._every])
        self._add_products(sums)
        kept = [
            [T.Bind(values[self._in_lanes(q)]) for values in self.body.kept] for q in self._group
        ]
        for output, of_output in zip(self._outputs, sums, strict=True):
            results = [
                T.Bind(self._rounded([T.Bind(total[self._every]) for total in totals], lanes))
                for totals, lanes in zip(of_output, kept, strict=True)
            ]
            place = self.kernel.blocks.place(start, self.row, self.column + output) + self.channel
            store_first(self.body.y, place, self._narrowed(results), self.channels.width)

    def _add_products(self, sums: list[list[list[Buffer]]]) -> None:
        for taps, uses in self._interleaved():
            vectors = self._pixels(taps)
            for output, n in uses:
                for q, vector in enumerate(vectors):
                    for part, total in enumerate(sums[output][q]):
                        weight = self.body.weights[self._weight(n, q, part)]
                        added = self.instructions.dot(
                            self.lanes, total[self._every], vector, weight
                        )
                        T.buffer_store(total, added, [self._every])

    def _rounded(self, totals: list[Expression], kept: list[Expression]) -> Expression:
        store, digits = self.kernel.store, self.kernel.digits
        if digits is None:
            return store.shifted(totals[0], kept)
        return store.of_halves(digits.whole(totals), kept)

    @property
    def _every(self) -> Expression:
        return tirx.Ramp(0, 1, self.lanes)

    @property
    def _group(self) -> range:
        return range(self.instructions.group)

    @property
    def _parts(self) -> range:
        return range(self.kernel.parts)

    @property
    def _outputs(self) -> range:
        return range(self.together)

    def _in_lanes(self, q: int, part: int = 0) -> Expression:
        first = self.channel + part * self.kernel.padded_channels
        return tirx.Ramp(first + q * self.lanes, 1, self.lanes)

    def _weight(self, n: int, q: int, part: int) -> Expression:
        """Of vector `q` and group `n`; blocks follow each other as their channels do."""
        group = self.instructions.group
        first = self.channel + part * self.kernel.padded_channels
        place = first * (len(self.kernel.taps) * group)
        return tirx.Ramp(place + (n * self.wide + q * self.lanes) * group, 1, self.wide)

    def _interleaved(self) -> list[tuple[list[Tap], list[tuple[int, int]]]]:
        """What must be interleaved: pixels, and for which outputs and groups of taps."""
        (_, stride), (down, across) = self.window.strides, self.window.dilations
        found: dict[tuple[Tap, ...], list[tuple[int, int]]] = {}
        for output in self._outputs:
            for n, taps in enumerate(self.kernel.taps):
                pixels = tuple((i * down, output * stride + j * across) for i, j in taps)
                found.setdefault(pixels, []).append((output, n))
        return sorted(
            ((list(pixels), uses) for pixels, uses in found.items()), key=lambda item: item[0][0][1]
        )

    def _pixels(self, taps: list[Tap]) -> list[Expression]:
        """The pixels of these taps, interleaved, in as many vectors as a group has taps."""
        depth, pitch = self.window.image[2], self.kernel.blocks.pitch
        loaded = [
            T.Bind(self.body.image[tirx.Ramp(self.pixel + i * pitch + j * depth, 1, self.wide)])
            for i, j in taps
        ]
        # Where taps are missing, weights are 0.
        loaded += loaded[:1] * (self.instructions.group - len(loaded))
        if self.instructions.group == 1:
            return loaded
        of_part = self.instructions.of_part
        first = _unpacked(loaded[0], loaded[1], 1, self.wide, of_part)
        if self.instructions.group == 2:
            return first
        second = _unpacked(loaded[2], loaded[3], 1, self.wide, of_part)
        return [
            vector
            for a, b in zip(first, second, strict=True)
            for vector in _unpacked(a, b, 2, self.wide, of_part)
        ]

    def _narrowed(self, results: list[Expression]) -> Expression:
        """int32 to the result's type, saturated, with ReLU, the channels in their order."""
        dtype = self.kernel.store.finish.dtype
        while len(results) > 1:
            pairs = zip(results[::2], results[1::2], strict=True)
            results = [T.Bind(self.instructions.narrowed(*pair)) for pair in pairs]
        (narrow,) = results
        kind = f"int{narrow.ty.dtype.bits}"
        if kind != dtype:
            limits = np.iinfo(dtype)
            highest, lowest = (
                tirx.Broadcast(tirx.const(int(n), kind), self.wide)
                for n in (limits.max, limits.min)
            )
            narrow = T.Cast(f"{dtype}x{self.wide}", T.max(T.min(narrow, highest), lowest))
        if self.kernel.store.finish.relu:
            narrow = T.max(narrow, tirx.Broadcast(tirx.const(0, dtype), self.wide))
        return T.Bind(narrow)


def _unpacked(
    a: Expression, b: Expression, size: int, lanes: int, of_part: int
) -> list[Expression]:
    """Elements of two vectors by turns, of the first and the second half of each 128 bits.

    Parameters
    ----------
    size : int
        How many at a time.
    of_part : int
        Elements of 128 bits.
    """
    found = []
    for half in range(2):
        order = []
        for part in range(0, lanes, of_part):
            begin = part + half * of_part // 2
            for at in range(begin, begin + of_part // 2, size):
                order += [*range(at, at + size), *range(lanes + at, lanes + at + size)]
        found.append(T.Bind(tirx.Shuffle([a, b], [T.int32(n) for n in order])))
    return found
