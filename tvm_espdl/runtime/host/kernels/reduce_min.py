"""Host kernel of reduce_min.

No value is ever changed.
"""

from __future__ import annotations

import numpy as np
from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.reduce_min import ReduceMin
from ..kernel import HostKernel
from ..reducing import reduction


def kernel(operator: ReduceMin, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of the smallest element."""
    initial = T.cast(int(np.iinfo(operator.x.dtype).max), operator.x.dtype)
    return reduction(operator, initial, T.min, lambda value: value)
