"""Host kernel of add: element-wise, both summands broadcast.

It never looks at exponents, as the chip's kernel does not.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.add import Add
from ....ops.base.rounding import Array
from ..arithmetic import saturate
from ..broadcast import broadcast
from ..kernel import Expression, HostKernel


def kernel(operator: Add, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a sum."""

    def compute(a: Expression, b: Expression) -> Expression:
        total = T.cast(a, "int32") + T.cast(b, "int32")
        if operator.activation == "relu":
            total = T.max(total, 0)
        return saturate(total, operator.y.dtype)

    return broadcast(operator, compute)
