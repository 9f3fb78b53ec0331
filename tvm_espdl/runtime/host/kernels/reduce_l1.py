"""Host kernel of reduce_l1.

The sum is exact.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.reduce_l1 import ReduceL1
from ..arithmetic import rescale
from ..kernel import Expression, HostKernel
from ..reducing import reduction, wide


def kernel(operator: ReduceL1, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a sum of magnitudes."""
    dtype = wide(operator)

    def join(total: Expression, element: Expression) -> Expression:
        element = T.cast(element, dtype)
        return total + T.max(element, 0 - element)

    def finish(total: Expression) -> Expression:
        return rescale(total, (operator.shift,), operator.y.dtype, chip)

    return reduction(operator, T.cast(0, dtype), join, finish)
