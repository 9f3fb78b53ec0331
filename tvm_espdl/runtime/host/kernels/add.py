"""Host kernel of add: element-wise, both summands broadcast.

It never looks at exponents, as the chip's kernel does not.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.add import Add
from ....ops.broadcast import strides_of
from ....ops.rounding import Array
from ..arithmetic import saturate
from ..kernel import Buffer, Expression, HostKernel, flat, private_function


def kernel(operator: Add, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a sum."""
    walk: Any = strides_of(operator.a.shape, operator.b.shape, operator.y.shape)
    strides = [1]
    for extent in reversed(walk["extents"][1:]):
        strides.insert(0, strides[0] * extent)

    def at(steps: tuple[int, ...], indices: tuple[Expression, ...]) -> Expression:
        terms = (index * step for index, step in zip(indices, steps, strict=True))
        return reduce(lambda left, right: left + right, terms)

    def body(a: Buffer, b: Buffer, y: Buffer) -> None:
        with T.grid(*walk["extents"]) as indices:
            left = T.cast(a[at(walk["strides_a"], indices)], "int32")
            right = T.cast(b[at(walk["strides_b"], indices)], "int32")
            total = left + right
            if operator.activation == "relu":
                total = T.max(total, 0)
            T.buffer_store(y, saturate(total, operator.y.dtype), [at(tuple(strides), indices)])

    types = (flat(operator.a), flat(operator.b), flat(operator.y))
    return HostKernel(private_function(types, body))
