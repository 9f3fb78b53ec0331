"""Host kernels of tables and PReLU, which change numbers one by one."""

from __future__ import annotations

import numpy as np
from tvm.target import Target
from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.lut import Lut
from ....ops.prelu import Prelu
from ..arithmetic import LARGEST_INT32_SHIFT, rescale, saturate, shift_and_round
from ..kernel import Buffer, Expression, HostKernel, Kernels, elements, kernel_from, parts_of
from ..lookup import Lookup, lookup_of


def lut(operator: Lut, chip: Chip, table: Array) -> HostKernel:
    """The kernel of a table lookup."""
    size, lowest = operator.y.size, int(np.iinfo(operator.x.dtype).min)
    lookup = None
    if table.dtype == np.int8 and operator.x.dtype == "int8":
        lookup = lookup_of(Target.current(allow_none=True))
    if lookup is not None and size >= lookup.lanes:
        return _of_bytes(operator, lookup, table)

    def body(x: Buffer, entries: Buffer, y: Buffer, *limits: Expression) -> None:
        begin, end = elements(size, limits)
        with T.serial(end - begin) as i:
            place = T.cast(x[begin + i], "int32") - lowest
            value = entries[shift_and_round(place, operator.shift, chip)]
            T.buffer_store(y, value, [begin + i])

    return kernel_from(operator, body, table, parts=parts_of(size))


def _of_bytes(operator: Lut, lookup: Lookup, table: Array) -> HostKernel:
    """The kernel of a lookup in whole vectors; the last one overlaps those before it."""
    size, lanes = operator.y.size, lookup.lanes

    def body(x: Buffer, entries: Buffer, y: Buffer, *limits: Expression) -> None:
        def look_up(first: Expression) -> None:
            place = T.Ramp(first, 1, lanes)
            T.buffer_store(y, lookup.emit(x[place], entries), [place])

        begin, end = elements(size, limits)
        with T.serial((end - begin) // lanes) as i:
            look_up(begin + i * lanes)
        look_up(end - lanes)

    return kernel_from(operator, body, lookup.packed(table), parts=parts_of(size))


def prelu(operator: Prelu, chip: Chip, alpha: Array) -> HostKernel:
    """The kernel of a PReLU: products rounded, saturated or wrapped as the chip does it."""
    channels, dtype = alpha.size, operator.y.dtype
    wide = "int32" if 0 <= operator.shift <= LARGEST_INT32_SHIFT else "int64"

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
            product = T.cast(x[i], wide) * T.cast(factors[channel], wide)
            T.buffer_store(y, T.Select(x[i] > 0, above(x[i]), below(product)), [i])

    return kernel_from(operator, body, np.ascontiguousarray(alpha.ravel()))


KERNELS: Kernels = {Lut: lut, Prelu: prelu}
