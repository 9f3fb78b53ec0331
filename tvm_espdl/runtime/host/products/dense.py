"""Convolutions over all input channels and matrix products, by dot products of the CPU.

A tile of some outputs side by side times some vectors of channels stays in registers while all
products are added to it: every weight read serves several outputs, every pixel several vectors.
"""

from __future__ import annotations

import numpy as np

from ....chips import Chip
from ....ops.base.rounding import Array
from ..channels import bias_of
from ..kernel import Expression
from .image import Blocks, blocks_of
from .instructions import Instructions
from .ordered import Run
from .proof import filter_lengths
from .proven import ProvenBody, ProvenLayout
from .statements import Buffers, Statements
from .store import store_of
from .tile import Layout, Tiles
from .vectors import Channels, Vector, channels_of, first_alike, spread
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
) -> Statements | None:
    """The statements of a convolution; None where sums need more than 32 bits, or their order.

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
    macs = window.output[0] * window.output[1] * weights.size
    blocks = blocks_of(window, instructions, is_flat(window), macs)
    tiles = tiles_of(channels.vectors, blocks)
    layout = ProvenLayout(
        window, blocks, channels.vectors, store, run_of(blocks), tiles, channels.register
    )
    constants = _constants(layout, channels, weights, kept)

    def emit(buffers: Buffers, begin: Expression, end: Expression) -> None:
        ProvenBody(layout, buffers).emit(begin, end)

    return Statements(emit, constants, layout.scratch, blocks.count)


def is_flat(window: Window) -> bool:
    """Whether it is a matrix product: rows that are multiplied, one after the other."""
    plain = window.kernel == (1, 1) and window.strides == (1, 1)
    return plain and window.output[0] == 1 and window.padded == window.image


def run_of(blocks: Blocks) -> Run:
    """How the products of one window lie in the image's copy."""
    window = blocks.window
    (rows, columns), depth = window.kernel, window.image[2]
    down = window.dilations[0] * blocks.pitch
    if window.dilations[1] == 1 or columns == 1:
        return Run((rows, 1), (down, 0), columns * depth)
    return Run((rows, columns), (down, window.dilations[1] * depth), depth)


def tiles_of(vectors: tuple[Vector, ...], blocks: Blocks) -> tuple[Tiles, ...]:
    """The tiles that take the fewest cycles; those of one kind have vectors that are alike."""
    columns, registers_ = blocks.columns, blocks.instructions.registers
    many_vectors, alike = len(vectors), first_alike(vectors)

    def tiles(size: tuple[int, int]) -> list[Tiles]:
        many, wide = size
        found = [Tiles(0, alike // many, many, wide)] if alike >= many else []
        first = alike // many * many
        while first < many_vectors:
            rest = min(many, many_vectors - first)
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
        for many in range(1, min(MOST_VECTORS, many_vectors) + 1)
        for wide in range(1, min(MOST_OUTPUTS, columns) + 1)
        if many * wide + (many if wide > 1 else 0) + 1 + SPARE <= registers_
    ]
    return tuple(tiles(min(sizes, key=cycles)))


def _constants(
    layout: ProvenLayout, channels: Channels, weights: Array, bias: Array
) -> tuple[Array, ...]:
    """Weights, what sums begin with, a zero, what the store needs, what the proof needs."""
    matrix = weights.reshape(len(weights), -1)
    vectors, instructions, store = layout.vectors, layout.instructions, layout.store
    offset = instructions.offset * matrix.astype(np.int64).sum(axis=1)
    of_lanes = [(bias - offset + store.added).astype(np.int32), *store.kept]
    if channels.register is not None:
        lengths = filter_lengths(matrix, channels.needed)
        of_lanes += [(bias - store.added).astype(np.int32), lengths, bias]
    begin, *others = (spread(values, vectors, instructions.lanes).ravel() for values in of_lanes)
    return packed(layout, weights), begin, np.zeros(1, np.int32), *others


def packed(layout: Layout, weights: Array) -> Array:
    """By tile, word, vector and lane: the products of one dot product together."""
    instructions, run, count = layout.instructions, layout.run, len(weights)
    group, words = instructions.group, run.words(instructions)
    taps = run.taps[0] * run.taps[1]
    rows = np.zeros((count, taps, words * group), instructions.weight)
    rows[:, :, : run.length] = weights.reshape(count, taps, -1)
    by_word = rows.reshape(count, taps * words, group)
    in_lanes = spread(by_word, layout.vectors, instructions.lanes)
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
