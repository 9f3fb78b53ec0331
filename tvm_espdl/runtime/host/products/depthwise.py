"""Depthwise convolutions by dot products of the CPU: the products of one sum are taps.

It decides which taps and channels go together and packs the constants; the statements are in
`interleaved`.
"""

from __future__ import annotations

import numpy as np

from ....chips import Chip
from ....ops.base.accumulate import largest_sums
from ....ops.base.rounding import Array
from ..channels import INT32_MAX, bias_of, groups
from ..kernel import Expression
from .digits import Digits, digits_of
from .image import blocks_of
from .instructions import Instructions
from .interleaved import Body, Channels, Depthwise, Tap
from .statements import Buffers, Statements
from .store import Store, store_of
from .window import Finish, Window


def depthwise_products(
    chip: Chip,
    window: Window,
    weights: Array,
    bias: Array | None,
    *,
    finish: Finish,
    instructions: Instructions,
) -> Statements | None:
    """The statements of a depthwise convolution; None where sums of 32 bits will not do.

    What can leave the chip's register is wrong in them.

    Parameters
    ----------
    weights : numpy.ndarray
        `(C, KH, KW, 1)`.
    """
    matrix = weights.reshape(len(weights), -1)
    kept = bias_of(chip, bias, len(weights), finish.dtype, True)
    if finish.dtype == "int16":
        found = _of_words(chip, finish, matrix, kept)
        instructions = instructions.of_words
    else:
        found = _of_bytes(chip, finish, matrix, kept)
    if found is None:
        return None
    store, digits = found
    macs = window.output[0] * window.output[1] * weights.size
    blocks = blocks_of(window, instructions, False, macs)
    taps = groups_of_taps(window.kernel, instructions.group)
    channels = channels_of(len(weights), instructions)
    kernel = Depthwise(window, blocks, store, taps, channels, digits)
    constants = _constants(kernel, weights[..., 0], kept)

    def emit(buffers: Buffers, begin: Expression, end: Expression) -> None:
        Body(kernel, buffers).emit(begin, end)

    scratch = blocks.elements * np.dtype(instructions.element).itemsize
    return Statements(emit, constants, scratch, blocks.count)


def _of_bytes(
    chip: Chip, finish: Finish, matrix: Array, bias: Array
) -> tuple[Store, Digits | None] | None:
    """The store behind sums of 32 bits; None where they will not do."""
    parts = groups(chip, matrix, bias, "int8", lanes_only=True)
    store = store_of(chip, finish, matrix, bias)
    if store is None or any(part.wraps or part.dtype != "int32" for part in parts):
        return None
    return store, None


def _of_words(
    chip: Chip, finish: Finish, matrix: Array, bias: Array
) -> tuple[Store, Digits | None] | None:
    """The same of int16, and the digits of weights where the sums of whole ones do not fit."""
    store = store_of(chip, finish, matrix, bias, halves=True)
    if store is None:
        return None
    bounds = largest_sums(matrix, bias, "int16") + store.added + 1
    # The image may be at its ends everywhere: the other factors of a digit.
    image = np.full(len(matrix), matrix.shape[1] << 15, np.int64)
    digits = digits_of(image, bias + store.added_first)
    if digits is None:
        return None
    return store, None if (bounds <= INT32_MAX).all() else digits


def channels_of(count: int, instructions: Instructions) -> list[Channels]:
    """All channels, in blocks as wide as there are instructions for."""
    found, start = [], 0
    for lanes in instructions.names:
        wide = lanes * instructions.group
        if count - start >= wide:
            many = (count - start) // wide
            found.append(Channels(start, many, lanes, wide))
            start += many * wide
    if start < count:
        found.append(Channels(start, 1, min(instructions.names), count - start))
    return found


def groups_of_taps(kernel: tuple[int, int], group: int) -> list[list[Tap]]:
    """Taps by `group`, along the longer side; all of one dot product in one column or row."""
    rows, columns = kernel
    if rows >= columns or rows >= group - 1:
        return [
            [(i, j) for i in range(first, min(first + group, rows))]
            for j in range(columns)
            for first in range(0, rows, group)
        ]
    return [
        [(i, j) for j in range(first, min(first + group, columns))]
        for first in range(0, columns, group)
        for i in range(rows)
    ]


def _constants(kernel: Depthwise, weights: Array, bias: Array) -> tuple[Array, ...]:
    """Weights, a zero, what sums begin with, what the store needs.

    Parameters
    ----------
    weights : numpy.ndarray
        `(C, KH, KW)`.
    """
    instructions, store = kernel.instructions, kernel.store
    offset = instructions.offset * weights.astype(np.int64).sum(axis=(1, 2))
    factors, begins = [weights], [(bias - offset + store.added).astype(np.int32)]
    if kernel.digits:
        factors = kernel.digits.of_factors(weights)
        begins = kernel.digits.of_begin(bias + store.added_first)
    of_lanes = [_in_lanes(kernel, values) for values in store.kept]
    begin = np.concatenate([_in_lanes(kernel, values) for values in begins])
    packed = np.concatenate([_packed(kernel, values) for values in factors])
    return packed, np.zeros(1, np.int32), begin, *of_lanes


def _in_lanes(kernel: Depthwise, values: Array) -> Array:
    """`(C, ...)` in the order of the lanes, with zeros for those that are not stored."""
    group, found = kernel.instructions.group, []
    for channels in kernel.channels:
        wide = channels.lanes * group
        for block in range(channels.count):
            first = channels.start + block * wide
            part = np.zeros((wide, *values.shape[1:]), values.dtype)
            part[: channels.width] = values[first : first + channels.width]
            # Of each 128 bits, the first channels come to the first vector, and so on.
            of_part = kernel.instructions.of_part
            shape = (wide // of_part, group, of_part // group, *values.shape[1:])
            found.append(part.reshape(shape).swapaxes(0, 1).ravel())
    return np.concatenate(found)


def _packed(kernel: Depthwise, weights: Array) -> Array:
    """By block of channels, group of taps, and lane."""
    group, found = kernel.instructions.group, []
    taps = np.zeros((len(weights), len(kernel.taps), group), kernel.instructions.weight)
    for n, of_group in enumerate(kernel.taps):
        for m, (i, j) in enumerate(of_group):
            taps[:, n, m] = weights[:, i, j]
    lanes = _in_lanes(kernel, taps).reshape(-1, len(kernel.taps), group)
    begin = 0
    for channels in kernel.channels:
        wide = channels.lanes * group
        for _ in range(channels.count):
            found.append(lanes[begin : begin + wide].swapaxes(0, 1).ravel())
            begin += wide
    return np.concatenate(found)
