"""Host kernels of tables and PReLU, which change numbers one by one."""

from __future__ import annotations

import numpy as np
from tvm import tirx
from tvm.target import Target
from tvm.target.codegen import target_has_features
from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.lut import Lut
from ....ops.prelu import Prelu
from ..arithmetic import rescale, saturate, shift_and_round
from ..kernel import Buffer, Expression, HostKernel, Kernels, elements, kernel_from, parts_of

#: Bytes of a vector in which one instruction looks up all of them.
VECTOR = 64


def lut(operator: Lut, chip: Chip, table: Array) -> HostKernel:
    """The kernel of a table lookup."""
    size, lowest = operator.y.size, int(np.iinfo(operator.x.dtype).min)
    target = Target.current(allow_none=True)
    vectors = (
        table.dtype == np.int8
        and operator.x.dtype == "int8"
        and target is not None
        and target_has_features("avx512vbmi", target)
    )

    def body(x: Buffer, entries: Buffer, y: Buffer, *limits: Expression) -> None:
        begin, end = elements(size, limits)
        first: Expression = begin
        if vectors:
            count = (end - begin) // VECTOR
            with T.serial(count) as i:
                place = T.Ramp(begin + i * VECTOR, 1, VECTOR)
                T.buffer_store(y, _looked_up(x[place], entries), [place])
            first = begin + count * VECTOR
        with T.serial(end - first) as i:
            place = T.cast(x[first + i], "int32") - lowest
            value = entries[shift_and_round(place, operator.shift, chip)]
            T.buffer_store(y, value, [first + i])

    return kernel_from(operator, body, table, parts=parts_of(size))


def _looked_up(values: Expression, entries: Buffer) -> Expression:
    """A vector of int8 in a table of 256: each half by the lower 7 bits, then by the sign."""

    def half(begin: int) -> Expression:
        first, second = (entries[T.Ramp(begin + at, 1, VECTOR)] for at in (0, VECTOR))
        name = "llvm.x86.avx512.vpermi2var.qi.512"
        return T.call_llvm_pure_intrin(f"int8x{VECTOR}", name, first, values, second)

    zero = tirx.Broadcast(tirx.const(0, "int8"), VECTOR)
    return T.Select(values < zero, half(0), half(2 * VECTOR))


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
