"""Host kernels of two broadcast inputs that become real numbers: the loop and scales around them.

What is computed from two numbers is the kernel's own business.
"""

from __future__ import annotations

from collections.abc import Callable

from tvm.tirx.script import builder as T

from ...chips import Chip
from ...ops.base.real_binary import RealBinary
from .arithmetic import power_of_two, round_float
from .broadcast import broadcast
from .kernel import Expression, HostKernel


def real_binary(
    operator: RealBinary, chip: Chip, formula: Callable[[Expression, Expression], Expression]
) -> HostKernel:
    """The kernel of a function of two real numbers, float32 in and out."""
    scale_a, scale_b = (power_of_two(t.uniform_exponent) for t in operator.inputs)
    scale_y = power_of_two(-operator.y.uniform_exponent)

    def compute(a: Expression, b: Expression) -> Expression:
        real = formula(T.cast(a, "float32") * scale_a, T.cast(b, "float32") * scale_b)
        return round_float(real * scale_y, operator.y.dtype, chip)

    return broadcast(operator, compute)
