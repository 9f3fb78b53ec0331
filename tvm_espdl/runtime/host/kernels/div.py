"""Host kernel of div: float32 steps in the chip's order; nothing is ever divided by zero."""

from __future__ import annotations

import numpy as np
from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.div import Div
from ..arithmetic import round_float
from ..broadcast import broadcast
from ..kernel import Expression, HostKernel


def kernel(operator: Div, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a quotient."""
    dtype = operator.y.dtype
    ratio = T.float32(float(operator.ratio))
    limits = np.iinfo(dtype)
    lowest, highest = (T.IntImm(dtype, int(n)) for n in (limits.min, limits.max))
    neither = T.IntImm(dtype, operator.zero_by_zero)

    def compute(a: Expression, b: Expression) -> Expression:
        dividend = T.cast(a, "float32")
        divisor = T.Select(b == 0, T.float32(1.0), T.cast(b, "float32"))
        if operator.divides_first:
            quotient = dividend * (ratio / divisor)
        else:
            quotient = dividend * ratio / divisor
        by_zero = T.Select(a > 0, highest, T.Select(a < 0, lowest, neither))
        return T.Select(b == 0, by_zero, round_float(quotient, dtype, chip))

    return broadcast(operator, compute)
