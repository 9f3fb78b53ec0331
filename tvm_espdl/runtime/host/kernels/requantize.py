"""Host kernel of requantize.

A shift of integers, rounded and saturated; it never goes through floats.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.requantize import Requantize
from ..arithmetic import rescale
from ..kernel import Expression, HostKernel, elementwise


def kernel(operator: Requantize, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel between two exponents or widths."""
    x, y = operator.x, operator.y

    def compute(value: Expression) -> Expression:
        return rescale(T.cast(value, "int32"), (operator.shift,), y.dtype, chip)

    return elementwise(x, y, compute)
