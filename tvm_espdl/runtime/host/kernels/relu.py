"""Host kernel of relu.

At equal exponents nothing is rounded; else the float32 steps are never joined.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.relu import Relu
from ..arithmetic import power_of_two, round_float
from ..kernel import Expression, HostKernel, elementwise


def kernel(operator: Relu, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a ReLU."""
    x, y = operator.x, operator.y

    def compute(value: Expression) -> Expression:
        positive = T.max(value, T.cast(0, x.dtype))
        if x.exponent == y.exponent:
            return positive
        real = T.cast(positive, "float32") * power_of_two(x.uniform_exponent)
        return round_float(real * power_of_two(-y.uniform_exponent), y.dtype, chip)

    return elementwise(x, y, compute)
