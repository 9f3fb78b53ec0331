"""The loop nest of host kernels with two broadcast inputs.

It knows how inputs are walked; what is computed from two elements is the kernel's own business.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from tvm.tirx.script import builder as T

from ...ops.base.binary import Binary
from .kernel import Buffer, Expression, HostKernel, flat, private_function


def broadcast(
    operator: Binary, compute: Callable[[Expression, Expression], Expression]
) -> HostKernel:
    """The kernel `y[i] = compute(a[i], b[i])`, both inputs repeated where they are shorter."""
    walk: Any = operator.walk()
    strides = [1]
    for extent in reversed(walk["extents"][1:]):
        strides.insert(0, strides[0] * extent)

    def at(steps: tuple[int, ...], indices: tuple[Expression, ...]) -> Expression:
        terms = (index * step for index, step in zip(indices, steps, strict=True))
        return reduce(lambda left, right: left + right, terms)

    def body(a: Buffer, b: Buffer, y: Buffer) -> None:
        with T.grid(*walk["extents"]) as indices:
            value = compute(a[at(walk["strides_a"], indices)], b[at(walk["strides_b"], indices)])
            T.buffer_store(y, value, [at(tuple(strides), indices)])

    types = (flat(operator.a), flat(operator.b), flat(operator.y))
    return HostKernel(private_function(types, body))
