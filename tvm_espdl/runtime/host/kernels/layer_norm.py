"""Host kernel of layer_norm.

Float32 in index order: sums are never reassociated, products and sums never fused.
"""

from __future__ import annotations

import numpy as np
from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.newton import NEWTON_ENDS
from ....ops.base.rounding import Array
from ....ops.layer_norm import LayerNorm
from ..arithmetic import power_of_two, round_float, unfused
from ..kernel import Buffer, Expression, HostKernel, flat, private_function, registers

NEWTON_STEPS = 200  # far more than any float32 needs


def kernel(operator: LayerNorm, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a normalization with these parameters."""
    extent = operator.extent
    outer = operator.x.size // extent
    scale, bias = operator.float_parameters(constants)
    unit = power_of_two(operator.x.uniform_exponent)

    def body(x: Buffer, scales: Buffer, biases: Buffer, y: Buffer) -> None:
        with T.serial(outer) as i:
            first = i * extent
            mean, inverse = _moments(operator, x, first)
            with T.serial(extent) as j:
                real = unfused(T.cast(x[first + j], "float32") * unit)
                centred = real - unfused(mean[0] * unit)
                result = unfused(centred * inverse[0] * scales[j]) + biases[j]
                scaled = result * power_of_two(-operator.y.uniform_exponent)
                rounded = round_float(scaled, operator.y.dtype, chip)
                T.buffer_store(y, rounded, [first + j])

    types = (flat(operator.x), scale, bias, flat(operator.y))
    return HostKernel(private_function(types, body), (scale, bias))


def _moments(operator: LayerNorm, x: Buffer, first: Expression) -> tuple[Buffer, Buffer]:
    """Registers with the mean, in integers, and the inverse of the deviation."""
    extent, unit = operator.extent, np.float32(2.0**operator.x.uniform_exponent)
    total, mean, root = registers(1, "int64"), registers(1, "float32"), registers(2, "float32")
    T.buffer_store(total, T.int64(0), [0])
    with T.serial(extent) as j:
        T.buffer_store(total, total[0] + T.cast(x[first + j], "int64"), [0])
    quotient = T.cast(total[0], "float64") / T.float64(extent)
    T.buffer_store(mean, T.cast(quotient, "float32"), [0])
    T.buffer_store(root, T.float32(0), [0])
    with T.serial(extent) as j:
        difference = T.cast(x[first + j], "float32") - mean[0]
        T.buffer_store(root, root[0] + unfused(difference * difference), [0])
    variance = root[0] * T.float32(float(unit * unit)) / T.float32(extent)
    epsilon = T.float32(float(np.float32(operator.epsilon)))
    T.buffer_store(root, unfused(variance) + epsilon, [0])
    _newton_root(root)
    T.buffer_store(root, T.float32(1) / root[0], [0])
    return mean, root


def _newton_root(root: Buffer) -> None:
    """The square root of `root[0]`, in its place; `root[1]` is overwritten."""
    value, moving = registers(1, "float32"), registers(1, "int32")
    T.buffer_store(value, root[0], [0])
    T.buffer_store(moving, T.int32(1), [0])
    with T.serial(NEWTON_STEPS), T.If(moving[0] != 0), T.Then():
        T.buffer_store(root, root[0], [1])
        step = unfused((root[1] + value[0] / root[1]) * T.float32(0.5))
        T.buffer_store(root, step, [0])
        distance = T.max(root[0] - root[1], root[1] - root[0])
        far = distance > T.float32(float(np.float32(NEWTON_ENDS)))
        T.buffer_store(moving, T.Select(far, T.int32(1), T.int32(0)), [0])
