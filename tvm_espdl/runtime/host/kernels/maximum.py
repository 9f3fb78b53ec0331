"""Host kernel of maximum: the larger one of two elements, both inputs broadcast.

It never looks at exponents, as the chip's kernel does not.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.maximum import Maximum
from ..broadcast import broadcast
from ..kernel import HostKernel


def kernel(operator: Maximum, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a maximum."""
    return broadcast(operator, T.max)
