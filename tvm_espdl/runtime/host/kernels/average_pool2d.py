"""Host kernel of average_pool2d.

The sum is exact; the float32 product with the record's factor is never reordered or fused.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.average_pool2d import AveragePool2d
from ....ops.base.rounding import Array
from ..arithmetic import round_float
from ..kernel import Expression, HostKernel
from ..pooling import pool


def kernel(operator: AveragePool2d, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a mean over windows."""
    wide = operator.kernel[0] * operator.kernel[1] >= 1 << 16
    factor = T.float32(float(operator.factor))

    def add(total: Expression, value: Expression) -> Expression:
        return total + T.cast(value, "int64" if wide else "int32")

    def finish(total: Expression) -> Expression:
        return round_float(T.cast(total, "float32") * factor, operator.y.dtype, chip)

    return pool(operator, "int64" if wide else "int32", 0, add, finish)
