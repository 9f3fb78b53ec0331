"""Host kernel of less_equal: `a <= b`, both inputs broadcast.

It never looks at exponents, as the chip's kernel does not.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.less_equal import LessEqual
from ..broadcast import broadcast
from ..kernel import HostKernel


def kernel(operator: LessEqual, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a comparison."""
    return broadcast(operator, lambda a, b: T.cast(a <= b, "bool"))
