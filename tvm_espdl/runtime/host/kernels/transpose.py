"""Host kernel of transpose.

Elements change places; none is ever changed.
"""

from __future__ import annotations

import dataclasses

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.transpose import Transpose
from ..kernel import Buffer, HostKernel, private_function


def kernel(operator: Transpose, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a permutation of axes."""
    # A leading axis of 1, for a grid of one axis would not give a tuple.
    axes = (0, *(axis + 1 for axis in operator.axes))
    places = [axes.index(axis) for axis in range(len(axes))]
    x, y = (
        dataclasses.replace(tensor, shape=(1, *tensor.shape)) for tensor in (operator.x, operator.y)
    )

    def body(source: Buffer, target: Buffer) -> None:
        with T.grid(*y.shape) as indices:
            T.buffer_store(target, source[tuple(indices[n] for n in places)], list(indices))

    return HostKernel(private_function((x, y), body))
