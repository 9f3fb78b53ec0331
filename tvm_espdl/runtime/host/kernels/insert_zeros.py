"""Host kernel of insert_zeros.

Zeros come first, the pixels after them; none is ever changed.
"""

from __future__ import annotations

import dataclasses

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.insert_zeros import InsertZeros
from ..kernel import Buffer, HostKernel, private_function


def kernel(operator: InsertZeros, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel that moves pixels apart."""
    images = [
        dataclasses.replace(tensor, shape=shape)
        for tensor, shape in zip((operator.x, operator.y), operator.images, strict=True)
    ]

    def body(x: Buffer, y: Buffer) -> None:
        with T.grid(*images[1].shape) as indices:
            T.buffer_store(y, T.cast(0, operator.y.dtype), list(indices))
        rows, columns = operator.strides
        with T.grid(*images[0].shape) as (batch, row, column, channel):
            place = [batch, row * rows, column * columns, channel]
            T.buffer_store(y, x[batch, row, column, channel], place)

    return HostKernel(private_function(images, body))
