"""Host kernels of resizes. Places and weights stand in the records' tables.

A product is never joined with a sum: the chip's two roundings stay two.
"""

from __future__ import annotations

from collections.abc import Callable

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.resize import Resize
from ....ops.resize_linear import ResizeLinear
from ....ops.resize_nearest import ResizeNearest
from ..arithmetic import power_of_two, rescale, round_float, shift_and_round, unfused
from ..kernel import Buffer, Expression, HostKernel, Kernels, kernel_from

Pixel = Callable[[Expression, Expression], Expression]


def linear(operator: ResizeLinear, chip: Chip) -> HostKernel:
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


def nearest(operator: ResizeNearest, chip: Chip) -> HostKernel:
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


KERNELS: Kernels = {ResizeLinear: linear, ResizeNearest: nearest}
