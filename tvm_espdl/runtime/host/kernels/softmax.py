"""Host kernel of softmax and log_softmax.

The float32 sum runs in index order and is never reassociated; int8 reads the record's table.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.log_softmax import LogSoftmax
from ....ops.softmax import Softmax
from ..arithmetic import exponential, logarithm, power_of_two, unfused
from ..kernel import Buffer, Expression, HostKernel, Kernels, kernel_from, registers


def softmax(operator: Softmax, chip: Chip) -> HostKernel:
    """The kernel of the probabilities along one axis, or of their logarithms."""
    outer, extent, inner = operator.extents
    tables = operator.arrays().values()
    scale = power_of_two(operator.x.uniform_exponent)
    logarithms = isinstance(operator, LogSoftmax)

    def body(x: Buffer, *others: Buffer) -> None:
        *table, y = others
        with T.grid(outer, inner) as (before, after):
            first = before * extent * inner + after
            base = T.int32(0) if table else _largest(x, first, extent, inner)[0]
            total = registers(1, "float32")
            T.buffer_store(total, T.float32(0), [0])
            with T.serial(extent) as k:
                place = first + k * inner
                value = T.cast(x[place], "int32")
                real = T.cast(value - base, "float32") * scale
                if logarithms:
                    T.buffer_store(y, unfused(real), [place])
                    real = y[place]
                one = table[0][value + 128] if table else exponential(real)
                if not logarithms:
                    T.buffer_store(y, one, [place])
                    one = y[place]
                T.buffer_store(total, total[0] + one, [0])
            if logarithms:
                T.buffer_store(total, logarithm(total[0]), [0])
            with T.serial(extent) as k:
                one = y[first + k * inner]
                result = one - total[0] if logarithms else one / total[0]
                T.buffer_store(y, result, [first + k * inner])

    return kernel_from(operator, body, *tables)


def _largest(x: Buffer, first: Expression, extent: int, step: int) -> Buffer:
    largest = registers(1, "int32")
    T.buffer_store(largest, T.int32(-(1 << 15)), [0])
    with T.serial(extent) as k:
        value = T.cast(x[first + k * step], "int32")
        T.buffer_store(largest, T.max(largest[0], value), [0])
    return largest


KERNELS: Kernels = {Softmax: softmax}
