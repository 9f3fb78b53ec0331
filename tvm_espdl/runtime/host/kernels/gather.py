"""Host kernel of gather.

The indices are constants of the kernel; no element is ever changed.
"""

from __future__ import annotations

import numpy as np
from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.gather import Gather
from ..kernel import Buffer, HostKernel, flat, private_function


def kernel(operator: Gather, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a selection along one axis."""
    indices = constants[0].astype(np.int32).ravel()
    outer, extent, inner = operator.blocks

    def body(x: Buffer, chosen: Buffer, y: Buffer) -> None:
        with T.grid(outer, indices.size, inner) as (before, k, after):
            value = x[(before * extent + chosen[k]) * inner + after]
            T.buffer_store(y, value, [(before * indices.size + k) * inner + after])

    types = (flat(operator.x), indices, flat(operator.y))
    return HostKernel(private_function(types, body), (indices,))
