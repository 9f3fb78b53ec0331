"""Host kernels of operators that move elements. Indices are constants of the kernels."""

from __future__ import annotations

import numpy as np
from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.concat import Concat
from ....ops.gather import Gather
from ....ops.reshape import Reshape
from ....ops.transpose import Transpose
from ..kernel import Buffer, HostKernel, Kernels, elementwise, kernel_from
from ..striding import strided_copy


def reshape(operator: Reshape, chip: Chip) -> HostKernel:
    """The kernel of another shape."""
    return elementwise(operator, lambda value: value)


def concat(operator: Concat, chip: Chip) -> HostKernel:
    """The kernel of a concatenation: each part is copied into its place."""
    whole = sum(operator.blocks)

    def body(*buffers: Buffer) -> None:
        *parts, y = buffers
        begin = 0
        for part, block in zip(parts, operator.blocks, strict=True):
            with T.grid(operator.outer, block) as (outer, i):
                T.buffer_store(y, part[outer * block + i], [outer * whole + begin + i])
            begin += block

    return kernel_from(operator, body)


def gather(operator: Gather, chip: Chip, constant: Array) -> HostKernel:
    """The kernel of a selection along one axis."""
    indices = constant.astype(np.int32).ravel()
    outer, extent, inner = operator.blocks

    def body(x: Buffer, chosen: Buffer, y: Buffer) -> None:
        with T.grid(outer, indices.size, inner) as (before, k, after):
            value = x[(before * extent + chosen[k]) * inner + after]
            T.buffer_store(y, value, [(before * indices.size + k) * inner + after])

    return kernel_from(operator, body, indices)


KERNELS: Kernels = {
    Concat: concat,
    Gather: gather,
    Reshape: reshape,
    Transpose: strided_copy,
}
