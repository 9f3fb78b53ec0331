"""Host kernel of scatter_nd: a copy, then the updates one after the other.

Where the slices begin are constants of the kernel.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.scatter_nd import ScatterNd
from ..arithmetic import saturate
from ..kernel import Buffer, Expression, HostKernel, flat, private_function


def kernel(operator: ScatterNd, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a scatter."""
    places = operator.places(constants[0]).astype(np.int32)
    size, dtype = operator.slice_size, operator.y.dtype

    def wide(combine: Callable[[Expression, Expression], Expression]) -> Expression:
        return lambda old, new: saturate(combine(T.cast(old, "int32"), T.cast(new, "int32")), dtype)

    reduce = {
        "none": lambda old, new: new,
        "add": wide(lambda old, new: old + new),
        "mul": wide(lambda old, new: old * new),
        "max": T.max,
        "min": T.min,
    }[operator.reduction]

    def body(data: Buffer, updates: Buffer, first: Buffer, y: Buffer) -> None:
        with T.serial(operator.y.size) as i:
            T.buffer_store(y, data[i], [i])
        with T.grid(len(places), size) as (n, i):
            place = first[n] + i
            T.buffer_store(y, reduce(y[place], updates[n * size + i]), [place])

    types = (flat(operator.data), flat(operator.updates), places, flat(operator.y))
    return HostKernel(private_function(types, body), (places,))
