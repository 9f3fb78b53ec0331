"""Host kernel of lut: reads the operator's table and computes nothing else than the place in it."""

from __future__ import annotations

import numpy as np
from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.lut import Lut
from ..arithmetic import shift_and_round
from ..kernel import Buffer, HostKernel, flat, private_function


def kernel(operator: Lut, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a table lookup."""
    x, y = flat(operator.x), flat(operator.y)
    lowest = int(np.iinfo(x.dtype).min)

    def body(source: Buffer, table: Buffer, target: Buffer) -> None:
        with T.serial(y.size) as i:
            place = T.cast(source[i], "int32") - lowest
            T.buffer_store(target, table[shift_and_round(place, operator.shift, chip)], [i])

    return HostKernel(private_function((x, constants[0], y), body), (constants[0],))
