"""Host kernel of reduce_mean.

The sum is exact; the float32 steps are never joined.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.reduce_mean import ReduceMean
from ..arithmetic import round_float
from ..kernel import Expression, HostKernel
from ..reducing import reduction, wide


def kernel(operator: ReduceMean, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a mean."""
    dtype = wide(operator)
    input_scale = T.float32(float(operator.input_scale))
    output_scale = T.float32(float(operator.output_scale))

    def join(total: Expression, element: Expression) -> Expression:
        return total + T.cast(element, dtype)

    def finish(total: Expression) -> Expression:
        mean = T.cast(total, "float32") * input_scale / T.float32(operator.count)
        return round_float(mean * output_scale, operator.y.dtype, chip)

    return reduction(operator, T.cast(0, dtype), join, finish)
