"""Host kernel of lp_norm: absolute values in index order, or an exact sum of squares."""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.lp_norm import LpNorm
from ..arithmetic import power_of_two, round_float
from ..kernel import Buffer, Expression, HostKernel, flat, private_function, registers


def kernel(operator: LpNorm, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a division by norms."""
    extent, inner = operator.extent, operator.inner
    scale = power_of_two(-operator.y.uniform_exponent)

    def body(x: Buffer, y: Buffer) -> None:
        with T.grid(operator.x.size // (extent * inner), inner) as (before, after):
            first = before * extent * inner + after
            norm = _norm(operator, x, first)
            inverse = registers(1, "float32")
            present = norm > T.float32(0)
            safe = T.Select(present, norm, T.float32(1))
            T.buffer_store(inverse, T.Select(present, T.float32(1) / safe, norm) * scale, [0])
            with T.serial(extent) as j:
                place = first + j * inner
                result = T.cast(x[place], "float32") * inverse[0]
                T.buffer_store(y, round_float(result, operator.y.dtype, chip), [place])

    return HostKernel(private_function((flat(operator.x), flat(operator.y)), body))


def _norm(operator: LpNorm, x: Buffer, first: Expression) -> Expression:
    squares = operator.p == 2
    total = registers(1, "int64" if squares else "float32")
    T.buffer_store(total, T.int64(0) if squares else T.float32(0), [0])
    with T.serial(operator.extent) as j:
        value = T.cast(x[first + j * operator.inner], "int64")
        if squares:
            T.buffer_store(total, total[0] + value * value, [0])
        else:
            magnitude = T.cast(T.max(value, T.int64(0) - value), "float32")
            T.buffer_store(total, total[0] + magnitude, [0])
    return T.sqrt(T.cast(total[0], "float32")) if squares else total[0]
