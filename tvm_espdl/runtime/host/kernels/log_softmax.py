"""Host kernel of log_softmax.

The float32 sum runs in index order and is never reassociated; int8 reads the record's table.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.log_softmax import LogSoftmax
from ..arithmetic import power_of_two, unfused
from ..kernel import Buffer, Expression, HostKernel, flat, private_function, registers


def kernel(operator: LogSoftmax, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of the logarithms of probabilities along one axis."""
    outer, extent, inner = operator.extents
    tabled = operator.x.dtype == "int8"
    scale = power_of_two(operator.x.uniform_exponent)

    def exponential(above: Expression) -> Expression:
        return T.cast(T.exp(T.cast(above, "float64")), "float32")

    def body(x: Buffer, *others: Buffer) -> None:
        y = others[-1]
        with T.grid(outer, inner) as (before, after):
            largest, total = registers(1, "int32"), registers(1, "float32")
            T.buffer_store(total, T.float32(0), [0])
            T.buffer_store(largest, T.int32(0), [0])
            first = before * extent * inner + after
            if not tabled:
                T.buffer_store(largest, T.int32(-(1 << 15)), [0])
                with T.serial(extent) as k:
                    value = T.cast(x[first + k * inner], "int32")
                    T.buffer_store(largest, T.max(largest[0], value), [0])
            with T.serial(extent) as k:
                value = T.cast(x[first + k * inner], "int32")
                real = T.cast(value - largest[0], "float32") * scale
                T.buffer_store(y, unfused(real), [first + k * inner])
                one = others[0][value + 128] if tabled else exponential(y[first + k * inner])
                T.buffer_store(total, total[0] + one, [0])
            logarithm = T.cast(T.log(T.cast(total[0], "float64")), "float32")
            T.buffer_store(total, logarithm, [0])
            with T.serial(extent) as k:
                T.buffer_store(y, y[first + k * inner] - total[0], [first + k * inner])

    tables = (operator.table,) if tabled else ()
    types = (flat(operator.x), *tables, flat(operator.y))
    return HostKernel(private_function(types, body), tables)
