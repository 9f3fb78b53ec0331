"""Host kernel of neg: computed in 32 bits, so that no sign is lost."""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.neg import Neg
from ..arithmetic import saturate
from ..kernel import HostKernel, elementwise


def kernel(operator: Neg, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a change of sign."""
    x, y = operator.x, operator.y
    return elementwise(x, y, lambda value: saturate(0 - T.cast(value, "int32"), y.dtype))
