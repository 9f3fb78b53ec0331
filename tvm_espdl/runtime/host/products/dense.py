"""Convolutions over all input channels and matrix products, by dot products of the CPU.

A tile of some outputs side by side times some vectors of channels stays in registers while all
products are added to it: every weight read serves several outputs, every pixel several vectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ....chips import Chip
from ....ops import Tensor
from ....ops.base.rounding import Array
from ..channels import bias_of
from ..kernel import Buffer, HostKernel, private_function
from .image import Blocks, blocks_of
from .instructions import Instructions
from .ordered import Run
from .proof import filter_lengths
from .store import store_of
from .tile import Body, Buffers, Layout, Tiles
from .vectors import channels_of, spread
from .window import Finish, Window

LATENCY = 10  # dot products that must be under way at once, two a cycle
MOST_VECTORS, MOST_OUTPUTS = 12, 24
SPARE = 3  # registers that LLVM wants besides, or it moves sums to memory and back


def dense_products(
    chip: Chip,
    window: Window,
    weights: Array,
    bias: Array | None,
    *,
    finish: Finish,
    instructions: Instructions,
) -> HostKernel | None:
    """The kernel of a convolution; None where sums need more than 32 bits, or their order.

    Parameters
    ----------
    weights : numpy.ndarray
        int8, `(O, KH, KW, C)`.
    """
    count = len(weights)
    matrix = weights.reshape(count, -1)
    kept = bias_of(chip, bias, count, finish.dtype, False)
    channels = channels_of(chip, matrix, kept, finish.dtype, instructions.lanes)
    store = store_of(chip, finish, matrix, kept)
    if channels is None or store is None:
        return None
    flat = window.kernel == (1, 1) and window.output[0] == 1 and window.padded == window.image
    macs = window.output[0] * window.output[1] * weights.size
    blocks = blocks_of(window, instructions, flat and window.strides == (1, 1), macs)
    tiles = tiles_of(len(channels.vectors), channels.alike, blocks.columns, instructions.registers)
    layout = Layout(window, blocks, channels, store, _run_of(blocks), tuple(tiles))
    return _host_kernel(layout, weights, kept)


def _run_of(blocks: Blocks) -> Run:
    window = blocks.window
    (rows, columns), depth = window.kernel, window.image[2]
    down = window.dilations[0] * blocks.pitch
    if window.dilations[1] == 1 or columns == 1:
        return Run((rows, 1), (down, 0), columns * depth)
    return Run((rows, columns), (down, window.dilations[1] * depth), depth)


def tiles_of(vectors: int, alike: int, columns: int, registers_: int) -> list[Tiles]:
    """The tiles that take the fewest cycles.

    Parameters
    ----------
    alike : int
        How many of the `vectors`, from the first on, may share the code of one tile.
    """

    def tiles(size: tuple[int, int]) -> list[Tiles]:
        many, wide = size
        found = [Tiles(0, alike // many, many, wide)] if alike >= many else []
        first = alike // many * many
        while first < vectors:
            rest = min(many, vectors - first)
            found.append(Tiles(first, 1, rest, wide))
            first += rest
        return found

    def cycles(size: tuple[int, int]) -> float:
        wide = size[1]
        each = (
            t.count * (1 + max(t.vectors * wide, t.vectors + wide, LATENCY)) for t in tiles(size)
        )
        return -(-columns // wide) * sum(each)

    sizes = [
        (many, wide)
        for many in range(1, min(MOST_VECTORS, vectors) + 1)
        for wide in range(1, min(MOST_OUTPUTS, columns) + 1)
        if many * wide + (many if wide > 1 else 0) + 1 + SPARE <= registers_
    ]
    return tiles(min(sizes, key=cycles))


def _host_kernel(layout: Layout, weights: Array, bias: Array) -> HostKernel:
    """The kernel, with its constants packed."""
    window, blocks = layout.window, layout.blocks
    constants = _constants(layout, weights, bias)
    parts = blocks.count

    def body(x: Buffer, *others: Any) -> None:
        given = len(constants)
        limits = others[-2:] if parts > 1 else (0, 1)
        buffers = Buffers(x, others[:given], others[given], others[given + 1])
        Body(layout, buffers).emit(*limits)

    x = Tensor("int8", (int(np.prod(window.image)),), 0)
    y = Tensor("int8", (int(np.prod(window.output)),), 0)
    memory = Tensor("int8", (layout.scratch,), 0)
    types: tuple[Any, ...] = (x, *constants, y, memory)
    return HostKernel(private_function(types, body, parts), constants, layout.scratch, parts)


def _constants(layout: Layout, weights: Array, bias: Array) -> tuple[Array, ...]:
    """Weights, what sums begin with, a zero, what the store needs, what the proof needs."""
    matrix = weights.reshape(len(weights), -1)
    vectors, instructions, store = layout.channels.vectors, layout.instructions, layout.store
    offset = instructions.offset * matrix.astype(np.int64).sum(axis=1)
    of_lanes = [(bias - offset + store.added).astype(np.int32), *store.kept]
    if layout.channels.register is not None:
        lengths = filter_lengths(matrix, layout.channels.needed)
        of_lanes += [(bias - store.added).astype(np.int32), lengths, bias]
    begin, *others = (spread(values, vectors, instructions.lanes).ravel() for values in of_lanes)
    return _packed(layout, weights), begin, np.zeros(1, np.int32), *others


def _packed(layout: Layout, weights: Array) -> Array:
    """By tile, word, vector and lane: the products of one dot product together."""
    instructions, run, count = layout.instructions, layout.run, len(weights)
    group, words = instructions.group, run.words(instructions)
    taps = run.taps[0] * run.taps[1]
    rows = np.zeros((count, taps, words * group), instructions.weight)
    rows[:, :, : run.length] = weights.reshape(count, taps, -1)
    by_word = rows.reshape(count, taps * words, group)
    in_lanes = spread(by_word, layout.channels.vectors, instructions.lanes)
    in_lanes = in_lanes.transpose(0, 2, 1, 3)  # (vector, word, lane, group)
    return np.concatenate(
        [
            in_lanes[first : first + tiles.vectors].transpose(1, 0, 2, 3).ravel()
            for tiles in layout.tiles
            for first in range(
                tiles.first, tiles.first + tiles.count * tiles.vectors, tiles.vectors
            )
        ]
    )
