"""Host kernels of reductions that are not sums of terms.

Factors and exponentials are joined in index order; no two roundings are ever joined. The
exponentials of int8 come from the record's table.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.reduce_log_sum_exp import ReduceLogSumExp
from ....ops.reduce_prod import LIMIT, ReduceProd
from ..arithmetic import exponential, round_float, saturate
from ..builder import builder_of
from ..kernel import Buffer, Expression, HostKernel, Kernels
from ..reducing import reduction


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


KERNELS: Kernels = {ReduceLogSumExp: log_sum_exp, ReduceProd: product}
