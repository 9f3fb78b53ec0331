"""The loops of operators whose result is a view that steps through the input.

Elements change places; none is ever changed.
"""

from __future__ import annotations

from functools import reduce
from operator import add

from tvm.tirx.script import builder as T

from ...chips import Chip
from ...ops.base.strided import Shape, Strided, strides_of
from ...ops.transpose import Transpose
from .kernel import Buffer, Expression, HostKernel, kernel_from


def place(indices: tuple[Expression, ...], strides: Shape, first: int = 0) -> Expression:
    """Where the element with these indices lies."""
    terms = (index * stride for index, stride in zip(indices, strides, strict=True))
    return reduce(add, terms, T.int32(first))


def strided_copy(operator: Strided | Transpose, chip: Chip) -> HostKernel:
    """The kernel that copies along `operator.walk()`."""
    extents, strides, first = operator.walk()
    # Two leading axes of 1, for a grid of one axis would not give a tuple.
    extents, strides = (1, 1, *extents), (0, 0, *strides)
    dense = strides_of(extents)

    def body(x: Buffer, y: Buffer) -> None:
        with T.grid(*extents) as indices:
            T.buffer_store(y, x[place(indices, strides, first)], [place(indices, dense)])

    return kernel_from(operator, body)
