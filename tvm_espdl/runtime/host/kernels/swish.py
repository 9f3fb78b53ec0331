"""Host kernel of swish: the sigmoid is rounded to float32 before it is multiplied."""

from __future__ import annotations

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.swish import Swish
from ..functions import float_function, logistic
from ..kernel import Expression, HostKernel


def kernel(operator: Swish, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a swish."""

    def formula(real: Expression) -> Expression:
        return logistic(real) * real

    return float_function(operator, chip, formula)
