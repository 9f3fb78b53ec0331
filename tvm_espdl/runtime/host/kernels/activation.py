"""Host kernels of tables and PReLU, which change numbers one by one."""

from __future__ import annotations

import numpy as np
from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.lut import Lut
from ....ops.prelu import Prelu
from ..arithmetic import rescale, saturate, shift_and_round
from ..kernel import Buffer, Expression, HostKernel, Kernels, kernel_from


def lut(operator: Lut, chip: Chip, table: Array) -> HostKernel:
    """The kernel of a table lookup."""
    lowest = int(np.iinfo(operator.x.dtype).min)

    def body(x: Buffer, entries: Buffer, y: Buffer) -> None:
        with T.serial(operator.y.size) as i:
            place = T.cast(x[i], "int32") - lowest
            T.buffer_store(y, entries[shift_and_round(place, operator.shift, chip)], [i])

    return kernel_from(operator, body, table)


def prelu(operator: Prelu, chip: Chip, alpha: Array) -> HostKernel:
    """The kernel of a PReLU: products rounded, saturated or wrapped as the chip does it."""
    channels, dtype = alpha.size, operator.y.dtype

    def above(value: Expression) -> Expression:
        if not operator.rescales(chip):
            return value
        return rescale(T.cast(value, "int32"), (operator.change,), dtype, chip)

    def below(product: Expression) -> Expression:
        if operator.shift <= 0:
            shifted = product << min(-operator.shift, 31)
        elif operator.rescales(chip):
            shifted = shift_and_round(product, min(operator.shift, 62), chip)
        else:
            shifted = product >> min(operator.shift, 62)
        # A cast to the narrow type keeps the low bits.
        return T.cast(shifted, dtype) if operator.wraps(chip) else saturate(shifted, dtype)

    def body(x: Buffer, factors: Buffer, y: Buffer) -> None:
        with T.grid(operator.x.size // channels, channels) as (pixel, channel):
            i = pixel * channels + channel
            product = T.cast(x[i], "int64") * T.cast(factors[channel], "int64")
            T.buffer_store(y, T.Select(x[i] > 0, above(x[i]), below(product)), [i])

    return kernel_from(operator, body, np.ascontiguousarray(alpha.ravel()))


KERNELS: Kernels = {Lut: lut, Prelu: prelu}
