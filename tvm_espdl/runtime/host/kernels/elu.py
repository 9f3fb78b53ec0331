"""Host kernel of elu: one is subtracted from the rounded exponential, as the chip does it."""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.elu import Elu
from ..functions import exponential, float_function
from ..kernel import Expression, HostKernel


def kernel(operator: Elu, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of an ELU."""

    def formula(real: Expression) -> Expression:
        below = T.float32(operator.alpha) * (exponential(real) - T.float32(1.0))
        return T.Select(real >= T.float32(0.0), real, below)

    return float_function(operator, chip, formula)
