"""Which operators only name bytes that are there already: the result is a view of its inputs.

It looks at shapes and strides of single operators; whether a plan can have the view is not asked.
"""

from __future__ import annotations

from math import prod

import numpy as np

from ...ops import Operator
from ...ops.base.strided import Shape, Strided
from ...ops.concat import Concat
from ...ops.reshape import Reshape
from ...ops.transpose import Transpose
from ..program import Native


def view_offsets(operator: Operator | Native) -> tuple[int, ...] | None:
    """For each input, how many bytes behind the result's begin it begins, if they share bytes.

    Negative for an input that the result is a later part of. None where the result's elements do
    not lie in memory as those of the inputs do.
    """
    if isinstance(operator, Reshape):
        return (0,)
    if isinstance(operator, (Strided, Transpose)):
        extents, strides, first = operator.walk()
        size = np.dtype(operator.y.dtype).itemsize
        return (-first * size,) if _is_dense(extents, strides) else None
    if isinstance(operator, Concat) and operator.outer == 1:
        size = np.dtype(operator.y.dtype).itemsize
        return tuple(sum(operator.blocks[:place]) * size for place in range(len(operator.xs)))
    return None


def _is_dense(extents: Shape, strides: Shape) -> bool:
    """Whether neighbours of the walk are neighbours in memory."""
    return all(
        stride == prod(extents[axis + 1 :])
        for axis, (extent, stride) in enumerate(zip(extents, strides, strict=True))
        if extent > 1
    )
