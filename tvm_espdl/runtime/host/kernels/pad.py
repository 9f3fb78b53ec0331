"""Host kernel of pad.

The nearest element of the input is chosen by index; no value but the constant is ever made.
"""

from __future__ import annotations

import dataclasses
from functools import reduce

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.pad import Pad
from ..kernel import Buffer, Expression, HostKernel, private_function


def kernel(operator: Pad, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a padding."""
    # A leading axis of 1, for a grid of one axis would not give a tuple.
    x, y = (dataclasses.replace(t, shape=(1, *t.shape)) for t in (operator.x, operator.y))
    before = (0, *operator.before)
    constant = T.cast(T.int32(operator.value), x.dtype)

    def source(index: Expression, extent: int) -> Expression:
        if operator.mode == "reflect":
            inside = T.Select(index < 0, 0 - index, index)
            index = T.Select(inside >= extent, 2 * (extent - 1) - inside, inside)
        return T.max(T.min(index, extent - 1), 0)

    def body(values: Buffer, target: Buffer) -> None:
        with T.grid(*y.shape) as indices:
            moved = [index - pad for index, pad in zip(indices, before, strict=True)]
            value = values[tuple(map(source, moved, x.shape))]
            if operator.mode == "constant":
                limits = zip(moved, x.shape, strict=True)
                inside = [T.And(index >= 0, index < extent) for index, extent in limits]
                value = T.Select(reduce(T.And, inside), value, constant)
            T.buffer_store(target, value, list(indices))

    return HostKernel(private_function((x, y), body))
