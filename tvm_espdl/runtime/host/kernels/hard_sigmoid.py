"""Host kernel of hard_sigmoid: product and sum are rounded one after the other."""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.hard_sigmoid import HardSigmoid
from ..functions import between_zero_and_one, float_function, rounded
from ..kernel import Expression, HostKernel


def kernel(operator: HardSigmoid, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a hard sigmoid."""

    def formula(real: Expression) -> Expression:
        product = rounded(T.float32(operator.alpha) * real)
        return between_zero_and_one(product + T.float32(operator.beta))

    return float_function(operator, chip, formula)
