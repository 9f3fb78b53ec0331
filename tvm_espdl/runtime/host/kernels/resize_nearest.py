"""Host kernel of resize_nearest.

Which pixel is taken stands in the record's tables; only the shift changes a value.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.resize_nearest import ResizeNearest
from ..arithmetic import rescale, shift_and_round
from ..kernel import Buffer, Expression, HostKernel, flat, private_function


def kernel(operator: ResizeNearest, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a resize that copies pixels."""
    tables = operator.sources()
    channels, columns = operator.x.shape[-1], operator.input_size[1]
    height, width = operator.output_size
    shift = operator.shift

    def finish(value: Expression) -> Expression:
        value = T.cast(value, "int32")
        if not operator.wraps(chip):
            return rescale(value, (shift,), "int8", chip)
        shifted = shift_and_round(value, shift, chip) if shift > 0 else value << -shift
        return T.cast(shifted, "int8")

    def body(x: Buffer, row_of: Buffer, column_of: Buffer, y: Buffer) -> None:
        with T.grid(height, width, channels) as (row, column, channel):
            pixel = row_of[row] * columns + column_of[column]
            value = finish(x[pixel * channels + channel])
            T.buffer_store(y, value, [(row * width + column) * channels + channel])

    types = (flat(operator.x), *tables, flat(operator.y))
    return HostKernel(private_function(types, body), tables)
