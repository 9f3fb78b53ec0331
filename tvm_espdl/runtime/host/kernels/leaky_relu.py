"""Host kernel of leaky_relu: the product is rounded before anything is added to it."""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.leaky_relu import LeakyRelu
from ..functions import float_function
from ..kernel import Expression, HostKernel


def kernel(operator: LeakyRelu, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a leaky ReLU."""

    def formula(real: Expression) -> Expression:
        return T.Select(real >= T.float32(0.0), real, real * T.float32(operator.alpha))

    return float_function(operator, chip, formula)
