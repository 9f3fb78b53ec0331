"""Host kernel of exp: correctly rounded; what overflows is infinite and saturates."""

from __future__ import annotations

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.exp import Exp
from ..functions import exponential, float_function
from ..kernel import Expression, HostKernel


def kernel(operator: Exp, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of an exponential."""

    def formula(real: Expression) -> Expression:
        return exponential(real)

    return float_function(operator, chip, formula)
