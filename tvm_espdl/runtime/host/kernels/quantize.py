"""Host kernel of quantize.

One float32 product, rounded and saturated; NaN becomes the largest integer, never an undefined one.
"""

from __future__ import annotations

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.quantize import Quantize
from ..arithmetic import power_of_two, round_float
from ..kernel import HostKernel, elementwise


def kernel(operator: Quantize, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel from float32 to integers."""
    x, y = operator.x, operator.y
    scale = power_of_two(-y.uniform_exponent)
    return elementwise(x, y, lambda value: round_float(value * scale, y.dtype, chip))
