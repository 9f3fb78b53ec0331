"""Host kernels of ordinary operators, made from their `host`: one loop nest for each header.

What is computed from the elements is the operator's own business. Two reductions that are no sums
of terms have kernels of their own: what they join, they join in index order, and no two roundings
are ever joined.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops import Tensor
from ....ops.base.broadcast import Broadcast, RawBroadcast, RealBroadcast
from ....ops.base.builder import Builder
from ....ops.base.comparison import Comparison
from ....ops.base.function import FloatFunction
from ....ops.base.pointwise import Pointwise
from ....ops.base.reduction import ExactSum, Extreme, RealSum, Sum
from ....ops.base.strided import Strided, strides_of
from ....ops.reduce_log_sum_exp import ReduceLogSumExp
from ....ops.reduce_prod import LIMIT, ReduceProd
from ..arithmetic import exponential, power_of_two, round_float, saturate
from ..builder import builder_of
from ..channels import INT32_MAX
from ..kernel import (
    PART,
    Buffer,
    Expression,
    HostKernel,
    Kernels,
    elements,
    elementwise,
    kernel_from,
    parts_of,
    private_function,
)
from ..reducing import reduction
from ..striding import place, strided_copy


def _pointwise(operator: Pointwise, chip: Chip) -> HostKernel:
    dtype = operator.y.dtype
    op = builder_of(chip, dtype)

    def compute(v: Expression) -> Expression:
        return _saturated(operator.host(T.cast(v, "int32"), op), dtype)

    return elementwise(operator, compute)


def _function(operator: FloatFunction, chip: Chip) -> HostKernel:
    """One function of TIR for all sizes and exponents, which are constants of the kernel."""
    x, y = operator.x, operator.y
    op, size, parts = builder_of(chip, y.dtype), y.size, parts_of(y.size)
    exponents = [x.uniform_exponent, -y.uniform_exponent]
    scales = np.ldexp(np.ones(2, np.float32), exponents)
    sizes = np.array([size, parts], np.int32)

    def body(x: Buffer, scales: Buffer, sizes: Buffer, y: Buffer, *limits: Expression) -> None:
        begin, end = T.int32(0), T.Bind(sizes[0])
        if limits:
            begin = limits[0] * PART
            end = T.Bind(T.Select(limits[1] == sizes[1], end, limits[1] * PART))
        of_x, of_y = T.Bind(scales[0]), T.Bind(scales[1])
        with T.serial(end - begin) as i:
            real = T.cast(x[begin + i], "float32") * of_x
            T.buffer_store(y, op.rounded(operator.host(real, op) * of_y), [begin + i])

    endless = [Tensor(tensor.dtype, (INT32_MAX,)) for tensor in (x, y)]
    function = private_function((endless[0], scales, sizes, endless[1]), body, parts)
    return HostKernel(function, (scales, sizes), parts=parts)


def _integers(operator: Broadcast, chip: Chip) -> HostKernel:
    dtype = operator.y.dtype
    op = builder_of(chip, dtype)
    relu = isinstance(operator, RawBroadcast) and operator.relu

    def compute(a: Expression, b: Expression) -> Expression:
        value = operator.host(T.cast(a, "int32"), T.cast(b, "int32"), op)
        return _saturated(T.max(value, 0) if relu else value, dtype)

    return _broadcast(operator, compute)


def _reals(operator: RealBroadcast, chip: Chip) -> HostKernel:
    op = builder_of(chip, operator.y.dtype)
    scale_a, scale_b = (power_of_two(t.uniform_exponent) for t in operator.inputs)
    scale_y = power_of_two(-operator.y.uniform_exponent)

    def compute(a: Expression, b: Expression) -> Expression:
        real = operator.host(T.cast(a, "float32") * scale_a, T.cast(b, "float32") * scale_b, op)
        return op.rounded(real * scale_y)

    return _broadcast(operator, compute)


def _comparison(operator: Comparison, chip: Chip) -> HostKernel:
    op = builder_of(chip, operator.y.dtype)
    return _broadcast(operator, lambda a, b: T.cast(operator.host(a, b, op), "bool"))


def _extreme(operator: Extreme, chip: Chip) -> HostKernel:
    op = builder_of(chip, operator.y.dtype)
    return reduction(operator, None, lambda best, v: operator.host(best, v, op), lambda best: best)


def _exact_sum(operator: ExactSum, chip: Chip) -> HostKernel:
    op = builder_of(chip, operator.y.dtype)
    return _sum(operator, op, lambda total: op.shifted(total, operator.shift))


def _real_sum(operator: RealSum, chip: Chip) -> HostKernel:
    op = builder_of(chip, operator.y.dtype)
    sum_scale, output_scale = (
        op.real(float(scale)) for scale in (operator.sum_scale, operator.output_scale)
    )

    def finish(total: Expression) -> Expression:
        return op.rounded(operator.host(T.cast(total, "float32") * sum_scale, op) * output_scale)

    return _sum(operator, op, finish)


def _sum(operator: Sum, op: Builder, finish: Callable[[Expression], Expression]) -> HostKernel:
    """The sum of the terms, of an integer type that holds it."""
    dtype = "int32" if operator.x.dtype == "int8" else "int64"

    def join(total: Expression, v: Expression) -> Expression:
        return total + operator.host_term(T.cast(v, dtype), op)

    return reduction(operator, T.cast(0, dtype), join, finish)


def _saturated(value: Expression, dtype: str) -> Expression:
    return value if str(value.ty.dtype) == dtype else saturate(value, dtype)


def _broadcast(
    operator: Broadcast, compute: Callable[[Expression, Expression], Expression]
) -> HostKernel:
    """The kernel `y[i] = compute(a[i], b[i])`, both inputs repeated where they are shorter."""
    walk: Any = operator.walk()
    dense, size = strides_of(walk["extents"]), operator.y.size

    def alike(a: Buffer, b: Buffer, y: Buffer, *limits: Expression) -> None:
        begin, end = elements(size, limits)
        with T.serial(end - begin) as i:
            T.buffer_store(y, compute(a[begin + i], b[begin + i]), [begin + i])

    if operator.a.shape == operator.b.shape == operator.y.shape:
        return kernel_from(operator, alike, parts=parts_of(size))

    def body(a: Buffer, b: Buffer, y: Buffer) -> None:
        with T.grid(*walk["extents"]) as at:
            value = compute(a[place(at, walk["strides_a"])], b[place(at, walk["strides_b"])])
            T.buffer_store(y, value, [place(at, dense)])

    return kernel_from(operator, body)


def log_sum_exp(operator: ReduceLogSumExp, chip: Chip) -> HostKernel:
    """The kernel of the logarithm of a sum of exponentials."""
    tables = tuple(operator.arrays().values())
    op = builder_of(chip, operator.y.dtype)
    scale = op.real(float(operator.input_scale))

    def join(total: Expression, element: Expression, *table: Buffer) -> Expression:
        if table:
            return total + table[0][T.cast(element, "int32") + 128]
        return total + exponential(T.cast(element, "float32") * scale)

    def finish(total: Expression) -> Expression:
        return op.rounded(op.log(total) * op.real(float(operator.output_scale)))

    return reduction(operator, T.float32(0), join, finish, tables)


def product(operator: ReduceProd, chip: Chip) -> HostKernel:
    """The kernel of a product."""
    dtype = "float32" if operator.x.dtype == "int8" else "float64"
    input_scale = T.float32(float(operator.input_scale))
    output_scale = T.cast(T.float32(float(operator.output_scale)), dtype)

    def join(product: Expression, element: Expression) -> Expression:
        return product * T.cast(T.cast(element, "float32") * input_scale, dtype)

    def finish(product: Expression) -> Expression:
        scaled = product * output_scale
        if dtype == "float32":
            return round_float(scaled, operator.y.dtype, chip)
        return saturate(_round_double(scaled, chip), operator.y.dtype)

    return reduction(operator, T.cast(T.float32(1), dtype), join, finish)


def _round_double(value: Expression, chip: Chip) -> Expression:
    """`ops.reduce_prod.round_double` as an int32; NaN gives a number above every result."""
    limit, half = T.float64(LIMIT), T.float64(0.5)
    value = T.Select(value < limit, value, limit)
    value = T.Select(value > 0 - limit, value, 0 - limit)
    if chip.rounding == "half_up":
        return T.cast(T.floor(value + half), "int32")
    away = T.Select(value < T.float64(0), value - half, value + half)
    whole = T.cast(away, "int32")
    near = T.abs(away - T.cast(whole, "float64")) < T.float64(1e-6)
    toward = T.Select(value < T.float64(0), T.int32(-1), T.int32(1))
    odd = (whole & 1) != 0
    return whole - T.Select(T.And(near, odd), toward, T.int32(0))


KERNELS: Kernels = {
    Pointwise: _pointwise,
    FloatFunction: _function,
    Comparison: _comparison,
    RealBroadcast: _reals,
    Broadcast: _integers,
    Extreme: _extreme,
    ExactSum: _exact_sum,
    RealSum: _real_sum,
    ReduceLogSumExp: log_sum_exp,
    ReduceProd: product,
    Strided: strided_copy,
}
