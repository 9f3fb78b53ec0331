"""Host kernel of greater_equal: `a >= b`, both inputs broadcast.

It never looks at exponents, as the chip's kernel does not.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.greater_equal import GreaterEqual
from ..broadcast import broadcast
from ..kernel import HostKernel


def kernel(operator: GreaterEqual, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a comparison."""
    return broadcast(operator, lambda a, b: T.cast(a >= b, "bool"))
