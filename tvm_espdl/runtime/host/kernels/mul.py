"""Host kernel of mul: exact shifts where the chip has vectors for it, else through float32.

The float32 product and its rounding are never joined.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.mul import Mul
from ..arithmetic import power_of_two, rescale, round_float
from ..broadcast import broadcast
from ..kernel import Expression, HostKernel


def kernel(operator: Mul, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a product."""
    dtype, shift = operator.y.dtype, operator.shift

    def compute(a: Expression, b: Expression) -> Expression:
        product = T.cast(a, "int32") * T.cast(b, "int32")
        if operator.in_vectors(chip):
            return rescale(product, (shift,), dtype, chip)
        return round_float(T.cast(product, "float32") * power_of_two(-shift), dtype, chip)

    return broadcast(operator, compute)
