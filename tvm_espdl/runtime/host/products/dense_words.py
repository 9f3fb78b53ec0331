"""Convolutions over all input channels and matrix products of int16, by dot products of the CPU.

It decides which sums need more than 32 bits and packs the constants; `words` has the statements.
"""

from __future__ import annotations

import numpy as np

from ....chips import Chip
from ....ops.base.accumulate import largest_sums
from ....ops.base.rounding import Array
from ..channels import INT32_MAX, bias_of
from ..kernel import Expression
from .dense import is_flat, packed, run_of, tiles_of
from .digits import digits_of
from .image import blocks_of
from .instructions import Instructions
from .statements import Buffers, Statements
from .store import store_of
from .vectors import in_vectors, spread
from .window import Finish, Window
from .words import WordBody, WordLayout

#: Covers all roundings of float32 in sums of `MOST_PRODUCTS` squares, and of what is made of them.
MARGIN = 1.002
MOST_PRODUCTS = 1 << 16


def dense_words(
    chip: Chip,
    window: Window,
    weights: Array,
    bias: Array | None,
    *,
    finish: Finish,
    instructions: Instructions,
) -> Statements | None:
    """The statements of a convolution; None where sums need a split that there is not.

    What can leave the chip's register is wrong in them.

    Parameters
    ----------
    weights : numpy.ndarray
        int16, `(O, KH, KW, C)`.
    """
    count, used = len(weights), instructions.of_words
    matrix = weights.reshape(count, -1)
    kept = bias_of(chip, bias, count, finish.dtype, False)
    store = store_of(chip, finish, matrix, kept, halves=True)
    if store is None:
        return None
    begin = kept + store.added_first
    bounds = largest_sums(matrix, kept, finish.dtype) + store.added + 1
    magnitudes = np.abs(matrix.astype(np.int64)).sum(axis=1)
    digits = digits_of(magnitudes, begin)
    if digits is None or matrix.shape[1] > MOST_PRODUCTS:
        return None
    if (bounds <= INT32_MAX).all():
        digits = None
    macs = window.output[0] * window.output[1] * weights.size
    planes = 1 + len(digits.places) if digits else 1
    blocks = blocks_of(window, used, is_flat(window), macs, planes=planes)
    vectors = in_vectors(count, used.lanes)
    layout = WordLayout(
        window, blocks, vectors, store, run_of(blocks), tiles_of(vectors, blocks), digits
    )

    def emit(buffers: Buffers, begin: Expression, end: Expression) -> None:
        WordBody(layout, buffers).emit(begin, end)

    return Statements(emit, _constants(layout, weights, kept), layout.scratch, blocks.count)


def _constants(layout: WordLayout, weights: Array, bias: Array) -> tuple[Array, ...]:
    """Weights, what the sums of each plane begin with, a zero, what the store and tiles need."""
    matrix, store = weights.reshape(len(weights), -1), layout.store
    # Where a sum leaves 32 bits, it is never taken from the first plane.
    whole = (bias + store.added).astype(np.uint64).astype(np.uint32).view(np.int32)
    begins, kept = [whole], store.kept
    if layout.digits:
        begins += layout.digits.of_begin(bias + store.added_first)
    begin, *kept = (
        np.concatenate([_in_lanes(layout, part) for part in parts])
        for parts in (begins, *([values] for values in kept))
    )
    of_tiles = [_shortest(layout, matrix, bias)] if layout.digits else []
    return packed(layout, weights), begin, np.zeros(1, np.int32), *kept, *of_tiles


def _in_lanes(layout: WordLayout, values: Array) -> Array:
    return spread(values, layout.vectors, layout.instructions.lanes).ravel()


def _shortest(layout: WordLayout, matrix: Array, bias: Array) -> Array:
    """Of each tile, up to which sum of squares of a window its sums fit int32; float32."""
    store = layout.store
    rest = INT32_MAX - 1 - np.abs(bias).astype(np.float64) - store.added
    lengths = np.sqrt((matrix.astype(np.float64) ** 2).sum(axis=1)) * MARGIN
    most = np.where(rest > 0, (np.maximum(rest, 0) / np.maximum(lengths, 1)) ** 2, -1)
    most[largest_sums(matrix, bias, "int16") + store.added < INT32_MAX] = np.inf
    rounded = np.nextafter(most.astype(np.float32), np.float32(-np.inf))
    return np.array(
        [
            min(rounded[v.start : v.start + v.width].min() for v in layout.vectors[first:][:many])
            for first, many in _tiles(layout)
        ],
        np.float32,
    )


def _tiles(layout: WordLayout) -> list[tuple[int, int]]:
    """First vector of each tile, and how many it has."""
    return [
        (first, tiles.vectors)
        for tiles in layout.tiles
        for first in range(tiles.first, tiles.first + tiles.count * tiles.vectors, tiles.vectors)
    ]
