"""Host kernel of tanh: by way of sigmoid, as the chip does it, and never by a library's tanh."""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.tanh import Tanh
from ..functions import float_function, logistic
from ..kernel import Expression, HostKernel


def kernel(operator: Tanh, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a hyperbolic tangent."""

    def formula(real: Expression) -> Expression:
        return T.float32(2.0) * logistic(T.float32(2.0) * real) - T.float32(1.0)

    return float_function(operator, chip, formula)
