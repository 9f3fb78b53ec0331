"""Host kernel of dequantize.

An exact product with a power of two; nothing is ever rounded.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.dequantize import Dequantize
from ..arithmetic import power_of_two
from ..kernel import HostKernel, elementwise


def kernel(operator: Dequantize, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel from integers to float32."""
    scale = power_of_two(operator.x.uniform_exponent)
    return elementwise(operator.x, operator.y, lambda value: T.cast(value, "float32") * scale)
