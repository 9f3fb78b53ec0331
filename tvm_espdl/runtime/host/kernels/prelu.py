"""Host kernel of prelu: products rounded, saturated or wrapped as the chip does it.

Channels are the last dimension; no exponent is read besides those in the record's shifts.
"""

from __future__ import annotations

import numpy as np
from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.prelu import Prelu
from ..arithmetic import rescale, saturate, shift_and_round
from ..kernel import Buffer, Expression, HostKernel, flat, private_function


def kernel(operator: Prelu, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a PReLU."""
    x, y, factors = flat(operator.x), flat(operator.y), np.ascontiguousarray(constants[0].ravel())

    def above(value: Expression) -> Expression:
        if not operator.rescales(chip):
            return value
        return rescale(T.cast(value, "int32"), (operator.change,), y.dtype, chip)

    def body(source: Buffer, alpha: Buffer, target: Buffer) -> None:
        with T.grid(x.size // factors.size, factors.size) as (pixel, channel):
            i = pixel * factors.size + channel
            product = T.cast(source[i], "int64") * T.cast(alpha[channel], "int64")
            below = _shifted(operator, chip, product)
            # A cast to the narrow type keeps the low bits.
            below = T.cast(below, y.dtype) if operator.wraps(chip) else saturate(below, y.dtype)
            T.buffer_store(target, T.Select(source[i] > 0, above(source[i]), below), [i])

    return HostKernel(private_function((x, factors, y), body), (factors,))


def _shifted(operator: Prelu, chip: Chip, product: Expression) -> Expression:
    if operator.shift <= 0:
        return product << min(-operator.shift, 31)
    if operator.rescales(chip):
        return shift_and_round(product, min(operator.shift, 62), chip)
    return product >> min(operator.shift, 62)
