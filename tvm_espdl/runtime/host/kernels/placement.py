"""Host kernels of operators that put elements in places.

None is ever changed, but by what a scatter does. Indices and lengths are constants of the kernels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import reduce

import numpy as np
from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.base.window import with_rows
from ....ops.insert_zeros import InsertZeros
from ....ops.pad import Pad
from ....ops.reverse_sequence import ReverseSequence
from ....ops.scatter_nd import ScatterNd
from ..arithmetic import saturate
from ..kernel import (
    Buffer,
    Expression,
    HostKernel,
    Kernels,
    kernel_from,
    private_function,
)


def insert_zeros(operator: InsertZeros, chip: Chip) -> HostKernel:
    """The kernel that moves pixels apart: zeros come first, the pixels after them."""
    images = with_rows(operator.x), with_rows(operator.y)

    def body(x: Buffer, y: Buffer) -> None:
        with T.grid(*images[1].shape) as indices:
            T.buffer_store(y, T.cast(0, operator.y.dtype), list(indices))
        rows, columns = operator.strides
        with T.grid(*images[0].shape) as (batch, row, column, channel):
            place = [batch, row * rows, column * columns, channel]
            T.buffer_store(y, x[batch, row, column, channel], place)

    return HostKernel(private_function(images, body))


def pad(operator: Pad, chip: Chip) -> HostKernel:
    """The kernel of a padding: the nearest element of the input is chosen by index."""
    # A leading axis of 1, for a grid of one axis would not give a tuple.
    x, y = (dataclasses.replace(t, shape=(1, *t.shape)) for t in (operator.x, operator.y))
    before = (0, *operator.before)
    constant = T.cast(T.int32(operator.value), x.dtype)

    def source(index: Expression, extent: int) -> Expression:
        if operator.mode == "reflect":
            inside = T.Select(index < 0, 0 - index, index)
            index = T.Select(inside >= extent, 2 * (extent - 1) - inside, inside)
        return T.max(T.min(index, extent - 1), 0)

    def body(values: Buffer, target: Buffer) -> None:
        with T.grid(*y.shape) as indices:
            moved = [index - pad for index, pad in zip(indices, before, strict=True)]
            value = values[tuple(map(source, moved, x.shape))]
            if operator.mode == "constant":
                limits = zip(moved, x.shape, strict=True)
                inside = [T.And(index >= 0, index < extent) for index, extent in limits]
                value = T.Select(reduce(T.And, inside), value, constant)
            T.buffer_store(target, value, list(indices))

    return HostKernel(private_function((x, y), body))


def reverse_sequence(operator: ReverseSequence, chip: Chip, constant: Array) -> HostKernel:
    """The kernel of a partial reversal."""
    sequences, steps, features, sequence_stride, step_stride = operator.walk

    def body(x: Buffer, lengths: Buffer, y: Buffer) -> None:
        with T.grid(sequences, steps, features) as (b, t, i):
            length = lengths[b]
            source = T.Select(t < length, length - 1 - t, t)
            first = b * sequence_stride + i
            T.buffer_store(y, x[first + source * step_stride], [first + t * step_stride])

    return kernel_from(operator, body, constant.astype(np.int32))


def scatter_nd(operator: ScatterNd, chip: Chip, constant: Array) -> HostKernel:
    """The kernel of a scatter: a copy, then the updates one after the other."""
    places = operator.places(constant).astype(np.int32)
    size, dtype = operator.slice_size, operator.y.dtype

    def wide(combine: Callable[[Expression, Expression], Expression]) -> Expression:
        return lambda old, new: saturate(combine(T.cast(old, "int32"), T.cast(new, "int32")), dtype)

    update = {
        "none": lambda old, new: new,
        "add": wide(lambda old, new: old + new),
        "mul": wide(lambda old, new: old * new),
        "max": T.max,
        "min": T.min,
    }[operator.reduction]

    def body(data: Buffer, updates: Buffer, first: Buffer, y: Buffer) -> None:
        with T.serial(operator.y.size) as i:
            T.buffer_store(y, data[i], [i])
        with T.grid(len(places), size) as (n, i):
            place = first[n] + i
            T.buffer_store(y, update(y[place], updates[n * size + i]), [place])

    return kernel_from(operator, body, places)


KERNELS: Kernels = {
    InsertZeros: insert_zeros,
    Pad: pad,
    ReverseSequence: reverse_sequence,
    ScatterNd: scatter_nd,
}
