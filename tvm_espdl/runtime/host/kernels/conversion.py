"""Host kernels of conversions between numbers.

A product with a power of two is exact; NaN becomes the largest integer, never an undefined one.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.dequantize import Dequantize
from ....ops.quantize import Quantize
from ....ops.requantize import Requantize
from ..arithmetic import power_of_two, rescale, round_float
from ..kernel import HostKernel, Kernels, elementwise


def dequantize(operator: Dequantize, chip: Chip) -> HostKernel:
    """The kernel from integers to float32."""
    scale = power_of_two(operator.x.uniform_exponent)
    return elementwise(operator, lambda value: T.cast(value, "float32") * scale)


def quantize(operator: Quantize, chip: Chip) -> HostKernel:
    """The kernel from float32 to integers."""
    scale = power_of_two(-operator.y.uniform_exponent)
    return elementwise(operator, lambda real: round_float(real * scale, operator.y.dtype, chip))


def requantize(operator: Requantize, chip: Chip) -> HostKernel:
    """The kernel between two exponents or widths; it never goes through floats."""
    shifts, dtype = (operator.shift,), operator.y.dtype
    return elementwise(operator, lambda v: rescale(T.cast(v, "int32"), shifts, dtype, chip))


KERNELS: Kernels = {Dequantize: dequantize, Quantize: quantize, Requantize: requantize}
