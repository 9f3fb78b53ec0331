"""Host kernels of both pools: every window of an image, reduced to one value a channel.

Only taps inside the image are visited, so that padding never wins. A sum is exact; the float32
product with the record's factor is never reordered or fused.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.average_pool2d import AveragePool2d
from ....ops.base.pool import Pool
from ....ops.max_pool2d import MaxPool2d
from ..arithmetic import round_float
from ..kernel import Buffer, Expression, HostKernel, Kernels, private_function, registers

BLOCK = 16


def average_pool2d(operator: AveragePool2d, chip: Chip) -> HostKernel:
    """The kernel of a mean over windows."""
    dtype = "int64" if operator.kernel[0] * operator.kernel[1] >= 1 << 16 else "int32"
    factor = T.float32(float(operator.factor))

    def add(total: Expression, value: Expression) -> Expression:
        return total + T.cast(value, dtype)

    def finish(total: Expression) -> Expression:
        return round_float(T.cast(total, "float32") * factor, operator.y.dtype, chip)

    return _pool(operator, dtype, 0, add, finish)


def max_pool2d(operator: MaxPool2d, chip: Chip) -> HostKernel:
    """The kernel of a maximum over windows."""
    dtype = operator.x.dtype
    return _pool(operator, dtype, int(np.iinfo(dtype).min), T.max, lambda largest: largest)


def _pool(
    operator: Pool,
    dtype: str,
    initial: int,
    join: Callable[[Expression, Expression], Expression],
    finish: Callable[[Expression], Expression],
) -> HostKernel:
    """The kernel that reduces each window by `join`, from `initial` on, in `dtype`."""
    _, rows, columns, channels = operator.image.shape

    def body(x: Buffer, y: Buffer) -> None:
        for start, stop in ((0, channels // BLOCK * BLOCK), (channels // BLOCK * BLOCK, channels)):
            width = min(BLOCK, stop - start)
            if not width:
                continue
            extents = (*operator.result.shape[1:3], (stop - start) // width)
            with T.grid(*extents) as (row, column, block):
                top = row * operator.strides[0] - operator.pads[0]
                left = column * operator.strides[1] - operator.pads[1]
                channel = start + block * width
                result = registers(width, dtype)
                with T.vectorized(width) as lane:
                    T.buffer_store(result, T.cast(initial, dtype), [lane])
                with (
                    T.serial(T.max(top, 0), T.min(top + operator.kernel[0], rows)) as i,
                    T.serial(T.max(left, 0), T.min(left + operator.kernel[1], columns)) as j,
                    T.vectorized(width) as lane,
                ):
                    joined = join(result[lane], x[0, i, j, channel + lane])
                    T.buffer_store(result, joined, [lane])
                with T.vectorized(width) as lane:
                    T.buffer_store(y, finish(result[lane]), [0, row, column, channel + lane])

    return HostKernel(private_function((operator.image, operator.result), body))


KERNELS: Kernels = {AveragePool2d: average_pool2d, MaxPool2d: max_pool2d}
