"""Host kernels of pools, which reduce every window of an image to one value a channel; resizes.

A pool visits only taps inside the image, so that padding never wins. A sum is exact; the float32
product with the record's factor is never reordered or fused. The places and weights of a resize
stand in the record's tables; its two roundings stay two.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.average_pool2d import AveragePool2d
from ....ops.base.pool import Pool
from ....ops.base.resize import Resize
from ....ops.max_pool2d import MaxPool2d
from ....ops.resize_linear import ResizeLinear
from ....ops.resize_nearest import ResizeNearest
from ..arithmetic import power_of_two, rescale, round_float, shift_and_round, unfused
from ..kernel import (
    Buffer,
    Expression,
    HostKernel,
    Kernels,
    kernel_from,
    private_function,
    registers,
)

BLOCK = 16
Pixel = Callable[[Expression, Expression], Expression]


def average_pool2d(operator: AveragePool2d, chip: Chip) -> HostKernel:
    """The kernel of a mean over windows."""
    dtype = "int64" if operator.kernel[0] * operator.kernel[1] >= 1 << 16 else "int32"
    factor = T.float32(float(operator.factor))

    def add(total: Expression, value: Expression) -> Expression:
        return total + T.cast(value, dtype)

    def finish(total: Expression) -> Expression:
        return round_float(T.cast(total, "float32") * factor, operator.y.dtype, chip)

    return _pool(operator, dtype, 0, add, finish)


def max_pool2d(operator: MaxPool2d, chip: Chip) -> HostKernel:
    """The kernel of a maximum over windows."""
    dtype = operator.x.dtype
    return _pool(operator, dtype, int(np.iinfo(dtype).min), T.max, lambda largest: largest)


def _pool(
    operator: Pool,
    dtype: str,
    initial: int,
    join: Callable[[Expression, Expression], Expression],
    finish: Callable[[Expression], Expression],
) -> HostKernel:
    """The kernel that reduces each window by `join`, from `initial` on, in `dtype`."""
    _, rows, columns, channels = operator.image.shape

    def body(x: Buffer, y: Buffer) -> None:
        for start, stop in ((0, channels // BLOCK * BLOCK), (channels // BLOCK * BLOCK, channels)):
            width = min(BLOCK, stop - start)
            if not width:
                continue
            extents = (*operator.result.shape[1:3], (stop - start) // width)
            with T.grid(*extents) as (row, column, block):
                top = row * operator.strides[0] - operator.pads[0]
                left = column * operator.strides[1] - operator.pads[1]
                channel = start + block * width
                result = registers(width, dtype)
                with T.vectorized(width) as lane:
                    T.buffer_store(result, T.cast(initial, dtype), [lane])
                with (
                    T.serial(T.max(top, 0), T.min(top + operator.kernel[0], rows)) as i,
                    T.serial(T.max(left, 0), T.min(left + operator.kernel[1], columns)) as j,
                    T.vectorized(width) as lane,
                ):
                    joined = join(result[lane], x[0, i, j, channel + lane])
                    T.buffer_store(result, joined, [lane])
                with T.vectorized(width) as lane:
                    T.buffer_store(y, finish(result[lane]), [0, row, column, channel + lane])

    return HostKernel(private_function((operator.image, operator.result), body))


def resize_linear(operator: ResizeLinear, chip: Chip) -> HostKernel:
    """The kernel of a resize that weighs pixels."""
    input_scale = power_of_two(operator.x.uniform_exponent)
    output_scale = power_of_two(-operator.y.uniform_exponent)

    def value(pixel: Pixel, at: tuple[Expression, Expression], *tables: Buffer) -> Expression:
        rows, below, columns, right = tables
        row, column = at

        def real(line: Expression, place: Expression) -> Expression:
            return T.cast(pixel(line, place), "float32") * input_scale

        def weighed(line: Expression) -> Expression:
            first = columns[column]
            return _mix(real(line, first), real(line, first + 1), right[column])

        line = rows[row]
        mixed = weighed(line)
        if not operator.is_signal:
            mixed = _mix(mixed, weighed(line + 1), below[row])
        return round_float(mixed * output_scale, "int8", chip)

    return _resize(operator, value)


def resize_nearest(operator: ResizeNearest, chip: Chip) -> HostKernel:
    """The kernel of a resize that copies pixels; only the shift changes a value."""
    shift = operator.shift

    def value(pixel: Pixel, at: tuple[Expression, Expression], *tables: Buffer) -> Expression:
        chosen = T.cast(pixel(tables[0][at[0]], tables[1][at[1]]), "int32")
        if not operator.wraps(chip):
            return rescale(chosen, (shift,), "int8", chip)
        shifted = shift_and_round(chosen, shift, chip) if shift > 0 else chosen << -shift
        return T.cast(shifted, "int8")

    return _resize(operator, value)


def _resize(operator: Resize, value: Callable[..., Expression]) -> HostKernel:
    """The loops over the result; `value` gets pixels by row and column, the place, the tables."""
    channels, source_width = operator.x.shape[-1], operator.input_size[1]
    height, width = operator.output_size

    def body(x: Buffer, *others: Buffer) -> None:
        *tables, y = others
        with T.grid(height, width, channels) as (row, column, channel):

            def pixel(line: Expression, place: Expression) -> Expression:
                return x[(line * source_width + place) * channels + channel]

            result = value(pixel, (row, column), *tables)
            T.buffer_store(y, result, [(row * width + column) * channels + channel])

    return kernel_from(operator, body, *operator.arrays().values())


def _mix(first: Expression, second: Expression, weight: Expression) -> Expression:
    return unfused(first * (T.float32(1) - weight)) + unfused(second * weight)


KERNELS: Kernels = {
    AveragePool2d: average_pool2d,
    MaxPool2d: max_pool2d,
    ResizeLinear: resize_linear,
    ResizeNearest: resize_nearest,
}
