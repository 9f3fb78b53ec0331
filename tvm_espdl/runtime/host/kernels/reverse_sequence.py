"""Host kernel of reverse_sequence.

The lengths are constants of the kernel; no element is ever changed.
"""

from __future__ import annotations

import numpy as np
from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.reverse_sequence import ReverseSequence
from ..kernel import Buffer, HostKernel, flat, private_function


def kernel(operator: ReverseSequence, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a partial reversal."""
    lengths = constants[0].astype(np.int32)
    sequences, steps, features, sequence_stride, step_stride = operator.walk

    def body(x: Buffer, reversed_steps: Buffer, y: Buffer) -> None:
        with T.grid(sequences, steps, features) as (b, t, i):
            length = reversed_steps[b]
            source = T.Select(t < length, length - 1 - t, t)
            first = b * sequence_stride + i
            T.buffer_store(y, x[first + source * step_stride], [first + t * step_stride])

    types = (flat(operator.x), lengths, flat(operator.y))
    return HostKernel(private_function(types, body), (lengths,))
