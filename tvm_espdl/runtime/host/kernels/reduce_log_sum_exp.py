"""Host kernel of reduce_log_sum_exp.

The float32 sum runs in index order and is never reassociated; int8 reads the record's table.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.reduce_log_sum_exp import ReduceLogSumExp
from ..builder import builder_of
from ..kernel import Buffer, Expression, HostKernel
from ..reducing import reduction


def kernel(operator: ReduceLogSumExp, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of the logarithm of a sum of exponentials."""
    tables = (operator.table,) if operator.x.dtype == "int8" else ()
    op = builder_of(chip, operator.y.dtype)
    scale = T.float32(float(operator.input_scale))

    def join(total: Expression, element: Expression, *table: Buffer) -> Expression:
        if table:
            return total + table[0][T.cast(element, "int32") + 128]
        real = T.cast(element, "float32") * scale
        return total + T.cast(T.exp(T.cast(real, "float64")), "float32")

    def finish(total: Expression) -> Expression:
        return op.rounded(op.log(total) * op.real(float(operator.output_scale)))

    return reduction(operator, T.float32(0), join, finish, tables)
