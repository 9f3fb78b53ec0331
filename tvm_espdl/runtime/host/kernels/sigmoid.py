"""Host kernel of sigmoid: the chip's division in double precision, and no shorter way."""

from __future__ import annotations

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.sigmoid import Sigmoid
from ..functions import float_function, logistic
from ..kernel import Expression, HostKernel


def kernel(operator: Sigmoid, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a sigmoid."""

    def formula(real: Expression) -> Expression:
        return logistic(real)

    return float_function(operator, chip, formula)
