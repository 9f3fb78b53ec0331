"""Products of two computed matrices: the second is packed as a filter, then it is one.

Nothing is known of the weights at build but their type; proofs rest on what is found while packing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from tvm.tirx.script import builder as T

from ....chips import Accumulator, Chip
from ....ops import Tensor
from ....ops.base.accumulate import accumulators
from ....ops.base.rounding import Array
from ..channels import INT32_MAX
from ..kernel import Buffer, Expression, HostKernel, private_function
from .dense import run_of, tiles_of
from .digits import digits_of
from .image import blocks_of
from .instructions import Instructions
from .packing import Packed, Packing
from .proven import ProvenBody, ProvenLayout
from .statements import Buffers
from .store import Store, store_of
from .vectors import MOST_PRODUCTS, Vector, in_vectors
from .window import Finish, Window
from .words import WordBody, WordLayout

Shape = tuple[int, ...]
_ALIGNMENT = 64


@dataclass(frozen=True)
class Matrices:
    """Shapes of both factors and of the result, each with two batches before the matrix."""

    a: Shape
    b: Shape
    y: Shape

    @property
    def window(self) -> Window:
        """One product as a convolution of one row."""
        rows, depth = self.a[2:]
        return Window((1, rows, depth), (1, rows, self.b[3]))

    @property
    def batches(self) -> int:
        """How many products there are."""
        return self.y[0] * self.y[1]

    def begin(self, shape: Shape, batch: Expression) -> Expression:
        """Where the matrix of a batch begins in an array of this shape, in elements."""
        outer, inner = batch // self.y[1], batch % self.y[1]
        number = (outer if shape[0] > 1 else 0) * shape[1] + (inner if shape[1] > 1 else 0)
        return number * (shape[2] * shape[3])


def matrix_products(
    chip: Chip, matrices: Matrices, finish: Finish, instructions: Instructions
) -> HostKernel | None:
    """The kernel; None where sums need more than 32 bits, or a proof that there is not."""
    if finish.dtype == "int16":
        layout: ProvenLayout | WordLayout | None = _of_words(
            chip, matrices.window, finish, instructions.of_words
        )
    else:
        layout = _of_bytes(chip, matrices.window, finish, instructions)
    return _host_kernel(layout, matrices) if layout else None


def _store(chip: Chip, window: Window, finish: Finish) -> Store | None:
    depth, columns = window.image[2], window.output[2]
    largest = np.full((columns, 1), -depth * int(np.iinfo(finish.dtype).min), np.int64)
    zeros = np.zeros(columns, np.int64)
    return store_of(chip, finish, largest, zeros, halves=finish.dtype == "int16")


def _of_bytes(
    chip: Chip, window: Window, finish: Finish, instructions: Instructions
) -> ProvenLayout | None:
    depth, columns, lanes = window.image[2], window.output[2], instructions.lanes
    store, bound = _store(chip, window, finish), depth << 14
    parts = accumulators(chip, finish.dtype, columns)
    proven = {r for _, r in parts if r.products_per_clamp and bound > r.highest}
    narrow = all(r.bits <= 24 and r.products_per_clamp == 1 for r in proven)
    if store is None or not narrow or len(proven) > 1 or (proven and depth > MOST_PRODUCTS):
        return None
    vectors = in_vectors(columns, lanes)
    if proven:
        vectors = tuple(
            Vector(start, min(lanes, part.stop - start), register in proven)
            for part, register in parts
            for start in range(part.start, part.stop, lanes)
        )
    macs = window.output[1] * columns * depth
    blocks = blocks_of(window, instructions, True, macs)
    tiles = tiles_of(vectors, blocks)
    register: Accumulator | None = next(iter(proven), None)
    return ProvenLayout(window, blocks, vectors, store, run_of(blocks), tiles, register)


def _of_words(
    chip: Chip, window: Window, finish: Finish, instructions: Instructions
) -> WordLayout | None:
    depth, columns = window.image[2], window.output[2]
    store, bound = _store(chip, window, finish), depth << 30
    parts = accumulators(chip, finish.dtype, columns)
    if store is None or any(r.products_per_clamp and bound > r.highest for _, r in parts):
        return None
    digits = digits_of(np.full(columns, depth << 15), store.added_first)
    if digits is None:
        return None
    macs = window.output[1] * columns * depth
    blocks = blocks_of(window, instructions, True, macs, planes=1 + len(digits.places))
    vectors = in_vectors(columns, instructions.lanes)
    tiles = tiles_of(vectors, blocks)
    return WordLayout(window, blocks, vectors, store, run_of(blocks), tiles, digits)


def _host_kernel(layout: ProvenLayout | WordLayout, matrices: Matrices) -> HostKernel:
    dtype, parts = layout.store.finish.dtype, matrices.batches
    constants = _constants(layout)
    places = _Places(layout)

    def body(a: Buffer, b: Buffer, *others: Any) -> None:
        given = others[: len(constants)]
        y, memory = others[len(constants) : len(constants) + 2]
        begin, end = others[-2:] if parts > 1 else (0, 1)
        with T.serial(end - begin) as n:
            batch = T.Bind(begin + n)
            views = [
                _view(buffer, shape, T.Bind(matrices.begin(shape, batch)))
                for buffer, shape in ((a, matrices.a), (b, matrices.b), (y, matrices.y))
            ]
            places.emit(views, given, memory)

    shapes = [Tensor(dtype, (int(np.prod(s)),), 0) for s in (matrices.a, matrices.b, matrices.y)]
    memory = Tensor("int8", (places.end,), 0)
    types: tuple[Any, ...] = (*shapes[:2], *constants, shapes[2], memory)
    return HostKernel(private_function(types, body, parts), constants, places.end, parts)


def _view(buffer: Buffer, shape: Shape, begin: Expression) -> Buffer:
    size, dtype = shape[2] * shape[3], str(buffer.dtype)
    return T.decl_buffer((size,), dtype, data=buffer.data, elem_offset=begin)


def _constants(layout: ProvenLayout | WordLayout) -> tuple[Array, ...]:
    """A zero, what sums begin with, and of int8 what a proof wants besides the lengths."""
    channels = len(layout.vectors) * layout.instructions.lanes
    store = layout.store
    begins = [np.full(channels, store.added[0])]
    if isinstance(layout, WordLayout):
        assert layout.digits is not None
        begins += layout.digits.of_begin(np.full(channels, store.added_first[0]))
    begin = np.concatenate([values.astype(np.int32) for values in begins])
    found = [np.zeros(1, np.int32), begin]
    if isinstance(layout, ProvenLayout) and layout.register:
        found += [-begin, np.zeros(channels, np.int32)]
    return tuple(found)


class _Places:
    """Where the packed matrix and what is found in it lie in the working memory."""

    def __init__(self, layout: ProvenLayout | WordLayout) -> None:
        self.layout = layout
        used = layout.instructions
        words = -(-layout.window.image[2] // used.group)
        channels = len(layout.vectors) * used.lanes
        proven = isinstance(layout, ProvenLayout) and layout.register is not None
        tiles = sum(t.count for t in layout.tiles)
        self.wanted = {
            "weights": (used.weight, words * channels * used.group),
            "begin": ("int32", channels if used.offset else 0),
            "lengths": ("float32", channels if proven else 0),
            "shortest": ("float32", tiles if isinstance(layout, WordLayout) else 0),
        }
        self.begins, end = {}, _aligned(layout.scratch)
        for name, (dtype, count) in self.wanted.items():
            self.begins[name] = end
            end += _aligned(count * np.dtype(dtype).itemsize)
        self.end = end

    def emit(self, views: list[Buffer], given: Any, memory: Buffer) -> None:
        """One product."""
        a, b, y = views
        zero, begin, *of_proof = given
        found: dict[str, Any] = {
            name: self._buffer(name, memory) if count else None
            for name, (_, count) in self.wanted.items()
        }
        store = self.layout.store
        added = int(store.added[0])
        packed = Packed(**found)
        Packing(self.layout, b, packed, added, INT32_MAX - 1 - added).emit()
        starts = packed.begin if packed.begin is not None else begin
        proof = [packed.shortest] if packed.shortest is not None else []
        if packed.lengths is not None:
            proof = [of_proof[0], packed.lengths, of_proof[1]]
        buffers = Buffers(a, (packed.weights, starts, zero, *proof), y, memory)
        body = (
            WordBody(self.layout, buffers)
            if isinstance(self.layout, WordLayout)
            else ProvenBody(self.layout, buffers)
        )
        body.emit(0, self.layout.blocks.count)

    def _buffer(self, name: str, memory: Buffer) -> Buffer:
        dtype, count = self.wanted[name]
        first = self.begins[name] // np.dtype(dtype).itemsize
        return T.decl_buffer((count,), dtype, data=memory.data, elem_offset=first)


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
