"""Host kernel of conv1d: that of conv2d on an image of one row.

It only adds the row; nothing is ever summed here.
"""

from __future__ import annotations

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.conv1d import Conv1d
from ..kernel import HostKernel
from . import conv2d


def kernel(operator: Conv1d, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a 1-D convolution with these weights and bias."""
    weights, *bias = constants
    return conv2d.kernel(operator.as_2d, chip, (weights[:, :, None], *bias))
