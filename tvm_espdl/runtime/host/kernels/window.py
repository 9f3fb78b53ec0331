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
    vectors_of,
)

Pixel = Callable[[Expression, Expression], Expression]


def average_pool2d(operator: AveragePool2d, chip: Chip) -> HostKernel:
    """The kernel of a mean over windows."""
    largest = operator.kernel[0] * operator.kernel[1] << (7 if operator.x.dtype == "int8" else 15)
    dtype = next(t for t in ("int16", "int32", "int64") if largest <= np.iinfo(t).max)
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
    _, height, width, channels = operator.image.shape
    _, rows, columns, _ = operator.result.shape
    border = any(operator.pads[::2])

    def body(x: Buffer, y: Buffer) -> None:
        def window(place: tuple[Expression, ...], lanes: int, whole: bool) -> None:
            row, column, channel = place
            top = row * operator.strides[0] - operator.pads[0]
            left = column * operator.strides[1] - operator.pads[1]
            result = registers(lanes, dtype)
            with T.vectorized(lanes) as lane:
                T.buffer_store(result, T.cast(initial, dtype), [lane])
            above, height_inside = _inside(top, operator.kernel[0], height, not border)
            before, width_inside = _inside(left, operator.kernel[1], width, whole)
            with T.grid(height_inside, width_inside) as (i, j), T.vectorized(lanes) as lane:
                value = x[0, above + i, before + j, channel + lane]
                T.buffer_store(result, join(result[lane], value), [lane])
            with T.vectorized(lanes) as lane:
                T.buffer_store(y, finish(result[lane]), [0, row, column, channel + lane])

        for first, count, lanes in vectors_of(channels, dtype):
            with T.serial(rows) as row:
                for begin, end, whole in _across(operator, width, columns):
                    with T.grid(end - begin, count) as (column, number):
                        window((row, begin + column, first + number * lanes), lanes, whole)

    return HostKernel(private_function((operator.image, operator.result), body))


def _across(operator: Pool, width: int, columns: int) -> list[tuple[int, int, bool]]:
    """Columns of the result from one to another, and whether their windows are in the image."""
    left, step = operator.pads[1], operator.strides[1]
    begin = min(-(-left // step), columns)
    end = max((width + left - operator.kernel[1]) // step + 1, begin)
    end = min(end, columns)
    parts = [(0, begin, False), (begin, end, True), (end, columns, False)]
    return [part for part in parts if part[0] < part[1]]


def _inside(
    first: Expression, count: int, limit: int, whole: bool
) -> tuple[Expression, Expression]:
    """The first of a window's rows or columns that is in the image, and how many are."""
    if whole:
        return first, count
    begin = T.Bind(T.max(first, 0))
    return begin, T.Bind(T.min(first + count, limit) - begin)


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
