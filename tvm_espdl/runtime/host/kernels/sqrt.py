"""Host kernel of sqrt: correctly rounded; NaN of negative values saturates."""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.sqrt import Sqrt
from ..functions import float_function
from ..kernel import Expression, HostKernel


def kernel(operator: Sqrt, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a square root."""

    def formula(real: Expression) -> Expression:
        return T.sqrt(real)

    return float_function(operator, chip, formula)
