"""Host kernel of rms_norm: an exact sum of squares, then float32 in the chip's order."""

from __future__ import annotations

import numpy as np
from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.rms_norm import RmsNorm
from ..arithmetic import round_float, unfused
from ..kernel import Buffer, HostKernel, flat, private_function, registers


def kernel(operator: RmsNorm, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a normalization with these parameters."""
    scale = constants[0].ravel()
    extent = operator.extent
    epsilon = T.float32(float(np.float32(operator.epsilon)))
    unit, ratio = T.float32(float(operator.square_unit)), T.float32(float(operator.ratio))

    def body(x: Buffer, factors: Buffer, y: Buffer) -> None:
        with T.serial(operator.x.size // extent) as i:
            total, inverse = registers(1, "int64"), registers(1, "float32")
            T.buffer_store(total, T.int64(0), [0])
            with T.serial(extent) as j:
                value = T.cast(x[i * extent + j], "int64")
                T.buffer_store(total, total[0] + value * value, [0])
            mean = T.cast(total[0], "float32") * unit / T.float32(extent)
            root = T.sqrt(unfused(mean) + epsilon)
            T.buffer_store(inverse, T.float32(1) / root * ratio, [0])
            with T.serial(extent) as j:
                result = T.cast(x[i * extent + j], "float32") * inverse[0] * factors[j]
                rounded = round_float(result, operator.y.dtype, chip)
                T.buffer_store(y, rounded, [i * extent + j])

    types = (flat(operator.x), scale, flat(operator.y))
    return HostKernel(private_function(types, body), (scale,))
