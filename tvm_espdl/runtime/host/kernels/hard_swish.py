"""Host kernel of hard_swish: in double precision, product and sum rounded one by one."""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.hard_swish import SIXTH, HardSwish
from ..functions import between_zero_and_one, float_function, rounded
from ..kernel import Expression, HostKernel


def kernel(operator: HardSwish, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a hard swish."""

    def formula(real: Expression) -> Expression:
        wide = T.cast(real, "float64")
        line = rounded(T.float64(SIXTH) * wide) + T.float64(0.5)
        return T.cast(between_zero_and_one(line) * wide, "float32")

    return float_function(operator, chip, formula)
