"""Host kernel of reduce_log_sum.

The sum is exact; the logarithm is rounded once from double precision.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.reduce_log_sum import ReduceLogSum
from ..kernel import Expression, HostKernel
from ..logarithm import logarithm
from ..reducing import reduction, wide


def kernel(operator: ReduceLogSum, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of the logarithm of a sum."""
    dtype = wide(operator)
    input_scale = T.float32(float(operator.input_scale))

    def join(total: Expression, element: Expression) -> Expression:
        return total + T.cast(element, dtype)

    def finish(total: Expression) -> Expression:
        return logarithm(T.cast(total, "float32") * input_scale, operator, chip)

    return reduction(operator, T.cast(0, dtype), join, finish)
