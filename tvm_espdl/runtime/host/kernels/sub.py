"""Host kernel of sub: element-wise, both operands broadcast.

It never looks at exponents, as the chip's kernel does not.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.sub import Sub
from ..arithmetic import saturate
from ..broadcast import broadcast
from ..kernel import Expression, HostKernel


def kernel(operator: Sub, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a difference."""

    def compute(a: Expression, b: Expression) -> Expression:
        difference = T.cast(a, "int32") - T.cast(b, "int32")
        if operator.activation == "relu":
            difference = T.max(difference, 0)
        return saturate(difference, operator.y.dtype)

    return broadcast(operator, compute)
