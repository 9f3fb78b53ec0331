"""Host kernel of reduce_l2.

The sum of squares is exact; the root is searched step by step, as the chip does it.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.reduce_l2 import CLOSE, MOST_STEPS, ReduceL2
from ..arithmetic import round_float
from ..kernel import Expression, HostKernel, registers
from ..reducing import reduction, wide


def kernel(operator: ReduceL2, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a Euclidean norm."""
    dtype = wide(operator)
    square_scale = T.float32(float(operator.square_scale))
    output_scale = T.float32(float(operator.output_scale))

    def join(total: Expression, element: Expression) -> Expression:
        return total + T.cast(element, dtype) * T.cast(element, dtype)

    def finish(total: Expression) -> Expression:
        root = _root(T.cast(total, "float32") * square_scale)
        return round_float(root * output_scale, operator.y.dtype, chip)

    return reduction(operator, T.cast(0, dtype), join, finish)


def _root(value: Expression) -> Expression:
    """Emit the search; a result that was found stays for the steps that are left."""
    number, last, result = (registers(1, "float32") for _ in range(3))
    searching = registers(1, "bool")
    T.buffer_store(number, value, [0])
    T.buffer_store(result, number[0], [0])
    T.buffer_store(searching, number[0] > T.float32(0), [0])
    with T.serial(MOST_STEPS):
        T.buffer_store(last, result[0], [0])
        better = (last[0] + number[0] / last[0]) * T.float32(0.5)
        T.buffer_store(result, T.Select(searching[0], better, last[0]), [0])
        far = T.abs(result[0] - last[0]) > T.float32(float(CLOSE))
        T.buffer_store(searching, far, [0])
    return result[0]
