"""Host kernel of log: correctly rounded; NaN of negative values saturates."""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.log import Log
from ..functions import float_function
from ..kernel import Expression, HostKernel


def kernel(operator: Log, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a logarithm."""

    def formula(real: Expression) -> Expression:
        return T.cast(T.log(T.cast(real, "float64")), "float32")

    return float_function(operator, chip, formula)
