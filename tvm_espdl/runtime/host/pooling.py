"""The loops of both pools: every window of an image, reduced to one value a channel.

Only taps inside the image are visited; what a reduction does is never known here.
"""

from __future__ import annotations

from collections.abc import Callable

from tvm.tirx.script import builder as T

from ...ops.base.pool import Pool
from .kernel import Buffer, Expression, HostKernel, private_function, registers

BLOCK = 16


def pool(
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
