"""Host kernel of concat.

Each part is copied into its place; no element is ever changed.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.concat import Concat
from ..kernel import Buffer, HostKernel, flat, private_function


def kernel(operator: Concat, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a concatenation."""
    whole = sum(operator.blocks)

    def body(*buffers: Buffer) -> None:
        *parts, y = buffers
        begin = 0
        for part, block in zip(parts, operator.blocks, strict=True):
            with T.grid(operator.outer, block) as (outer, i):
                T.buffer_store(y, part[outer * block + i], [outer * whole + begin + i])
            begin += block

    types = (*map(flat, operator.xs), flat(operator.y))
    return HostKernel(private_function(types, body))
