"""Host kernel of max_pool2d.

Padding never wins; no value is ever changed.
"""

from __future__ import annotations

import numpy as np
from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.max_pool2d import MaxPool2d
from ..kernel import HostKernel
from ..pooling import pool


def kernel(operator: MaxPool2d, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a maximum over windows."""
    dtype = operator.x.dtype
    return pool(operator, dtype, int(np.iinfo(dtype).min), T.max, lambda largest: largest)
