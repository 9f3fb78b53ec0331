"""Host kernel of reduce_max.

No value is ever changed.
"""

from __future__ import annotations

import numpy as np
from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.reduce_max import ReduceMax
from ..kernel import HostKernel
from ..reducing import reduction


def kernel(operator: ReduceMax, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of the largest element."""
    initial = T.cast(int(np.iinfo(operator.x.dtype).min), operator.x.dtype)
    return reduction(operator, initial, T.max, lambda value: value)
