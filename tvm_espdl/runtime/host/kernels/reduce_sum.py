"""Host kernel of reduce_sum.

The sum is exact.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.reduce_sum import ReduceSum
from ..arithmetic import rescale
from ..kernel import Expression, HostKernel
from ..reducing import reduction, wide


def kernel(operator: ReduceSum, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a sum."""
    dtype = wide(operator)

    def join(total: Expression, element: Expression) -> Expression:
        element = T.cast(element, dtype)
        return total + element

    def finish(total: Expression) -> Expression:
        return rescale(total, (operator.shift,), operator.y.dtype, chip)

    return reduction(operator, T.cast(0, dtype), join, finish)
