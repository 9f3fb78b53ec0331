"""Host kernels of normalizations and softmax: exact sums of squares, or float32 in index order.

Sums of floats are never reassociated, products and sums never fused. The softmax of int8 reads the
record's table.
"""

from __future__ import annotations

import numpy as np
from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.base.strided import split_at
from ....ops.layer_norm import LayerNorm
from ....ops.log_softmax import LogSoftmax
from ....ops.lp_norm import LpNorm
from ....ops.rms_norm import RmsNorm
from ....ops.softmax import Softmax
from ..arithmetic import exponential, logarithm, power_of_two, round_float, unfused
from ..builder import builder_of
from ..kernel import Buffer, Expression, HostKernel, Kernels, kernel_from, registers, vectors_of


def layer_norm(operator: LayerNorm, chip: Chip, *constants: Array) -> HostKernel:
    """The kernel of a normalization to mean 0 and variance 1."""
    extent, dtype = operator.extent, operator.y.dtype
    unit = power_of_two(operator.x.uniform_exponent)
    y_scale = power_of_two(-operator.y.uniform_exponent)

    def body(x: Buffer, scales: Buffer, biases: Buffer, y: Buffer) -> None:
        with T.serial(operator.x.size // extent) as i:
            first = i * extent
            mean, inverse = _moments(operator, chip, x, first)
            with T.serial(extent) as j:
                real = unfused(T.cast(x[first + j], "float32") * unit)
                centred = real - unfused(mean[0] * unit)
                result = unfused(centred * inverse[0] * scales[j]) + biases[j]
                T.buffer_store(y, round_float(result * y_scale, dtype, chip), [first + j])

    return kernel_from(operator, body, *operator.float_parameters(constants))


def _moments(
    operator: LayerNorm, chip: Chip, x: Buffer, first: Expression
) -> tuple[Buffer, Buffer]:
    """Registers with the mean, in integers, and the inverse of the deviation."""
    extent, unit = operator.extent, np.float32(2.0**operator.x.uniform_exponent)
    op = builder_of(chip, operator.y.dtype)
    total, mean, inverse = (registers(1, dtype) for dtype in ("int64", "float32", "float32"))
    T.buffer_store(total, T.int64(0), [0])
    with T.serial(extent) as j:
        T.buffer_store(total, total[0] + T.cast(x[first + j], "int64"), [0])
    quotient = T.cast(total[0], "float64") / T.float64(extent)
    T.buffer_store(mean, T.cast(quotient, "float32"), [0])
    T.buffer_store(inverse, T.float32(0), [0])
    with T.serial(extent) as j:
        difference = T.cast(x[first + j], "float32") - mean[0]
        T.buffer_store(inverse, inverse[0] + unfused(difference * difference), [0])
    variance = inverse[0] * T.float32(float(unit * unit)) / T.float32(extent)
    root = op.newton_root(unfused(variance) + op.real(operator.epsilon))
    T.buffer_store(inverse, T.float32(1) / root, [0])
    return mean, inverse


def rms_norm(operator: RmsNorm, chip: Chip, scale: Array) -> HostKernel:
    """The kernel of a division by the root mean square."""
    extent = operator.extent
    epsilon = T.float32(float(np.float32(operator.epsilon)))
    unit, ratio = T.float32(float(operator.square_unit)), T.float32(float(operator.ratio))

    def body(x: Buffer, factors: Buffer, y: Buffer) -> None:
        with T.serial(operator.x.size // extent) as i:
            total, inverse = _sum_of_squares(x, i * extent, extent, 1), registers(1, "float32")
            mean = T.cast(total[0], "float32") * unit / T.float32(extent)
            root = T.sqrt(unfused(mean) + epsilon)
            T.buffer_store(inverse, T.float32(1) / root * ratio, [0])
            with T.serial(extent) as j:
                result = T.cast(x[i * extent + j], "float32") * inverse[0] * factors[j]
                rounded = round_float(result, operator.y.dtype, chip)
                T.buffer_store(y, rounded, [i * extent + j])

    return kernel_from(operator, body, scale.ravel())


def lp_norm(operator: LpNorm, chip: Chip) -> HostKernel:
    """The kernel of a division by norms."""
    outer, extent, inner = split_at(operator.x.shape, operator.axis)
    scale = power_of_two(-operator.y.uniform_exponent)

    def body(x: Buffer, y: Buffer) -> None:
        with T.grid(outer, inner) as (before, after):
            first = before * extent * inner + after
            if operator.p == 2:
                squares = _sum_of_squares(x, first, extent, inner)
                norm = T.sqrt(T.cast(squares[0], "float32"))
            else:
                norm = _sum_of_magnitudes(x, first, extent, inner)[0]
            inverse = registers(1, "float32")
            present = norm > T.float32(0)
            safe = T.Select(present, norm, T.float32(1))
            T.buffer_store(inverse, T.Select(present, T.float32(1) / safe, norm) * scale, [0])
            with T.serial(extent) as j:
                place = first + j * inner
                result = T.cast(x[place], "float32") * inverse[0]
                T.buffer_store(y, round_float(result, operator.y.dtype, chip), [place])

    return kernel_from(operator, body)


def _sum_of_squares(x: Buffer, first: Expression, extent: int, step: int) -> Buffer:
    total = registers(1, "int64")
    T.buffer_store(total, T.int64(0), [0])
    with T.serial(extent) as j:
        value = T.cast(x[first + j * step], "int64")
        T.buffer_store(total, total[0] + value * value, [0])
    return total


def _sum_of_magnitudes(x: Buffer, first: Expression, extent: int, step: int) -> Buffer:
    total = registers(1, "float32")
    T.buffer_store(total, T.float32(0), [0])
    with T.serial(extent) as j:
        value = T.cast(x[first + j * step], "int64")
        magnitude = T.cast(T.max(value, T.int64(0) - value), "float32")
        T.buffer_store(total, total[0] + magnitude, [0])
    return total


def softmax(operator: Softmax, chip: Chip) -> HostKernel:
    """The kernel of the probabilities along one axis, or of their logarithms."""
    outer, extent, inner = operator.extents
    tables = operator.arrays().values()
    scale = power_of_two(operator.x.uniform_exponent)
    logarithms = isinstance(operator, LogSoftmax)

    def body(x: Buffer, *others: Buffer) -> None:
        *table, y = others

        def lines(begin: Expression, lanes: int) -> None:
            """Of some results side by side, each element by element."""
            base = None if table else _largest(x, begin, extent, inner, lanes)
            total = registers(lanes, "float32")
            with T.serial(lanes) as lane:
                T.buffer_store(total, T.float32(0), [lane])
            with T.grid(extent, lanes) as (k, lane):
                place = begin + k * inner + lane
                value = T.cast(x[place], "int32")
                above = value if base is None else value - base[lane]
                real = T.cast(above, "float32") * scale
                if logarithms:
                    T.buffer_store(y, unfused(real), [place])
                    real = y[place]
                one = table[0][value + 128] if table else exponential(real)
                if not logarithms:
                    T.buffer_store(y, one, [place])
                    one = y[place]
                T.buffer_store(total, total[lane] + one, [lane])
            if logarithms:
                with T.serial(lanes) as lane:
                    T.buffer_store(total, logarithm(total[lane]), [lane])
            with T.grid(extent, lanes) as (k, lane):
                place = begin + k * inner + lane
                one = y[place]
                result = one - total[lane] if logarithms else one / total[lane]
                T.buffer_store(y, result, [place])

        for first, count, lanes in vectors_of(inner, "float32"):
            with T.grid(outer, count) as (before, number):
                lines(before * extent * inner + first + number * lanes, lanes)

    return kernel_from(operator, body, *tables)


def _largest(x: Buffer, first: Expression, extent: int, step: int, lanes: int) -> Buffer:
    largest = registers(lanes, "int32")
    with T.serial(lanes) as lane:
        T.buffer_store(largest, T.int32(-(1 << 15)), [lane])
    with T.grid(extent, lanes) as (k, lane):
        value = T.cast(x[first + k * step + lane], "int32")
        T.buffer_store(largest, T.max(largest[lane], value), [lane])
    return largest


KERNELS: Kernels = {
    LayerNorm: layer_norm,
    LpNorm: lp_norm,
    RmsNorm: rms_norm,
    Softmax: softmax,
}
