"""Host kernel of depthwise_conv2d.

It describes the window and packs the filter; how products are summed is never decided here.
"""

from __future__ import annotations

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.depthwise_conv2d import DepthwiseConv2d
from ..kernel import HostKernel
from ..products import Finish, Window, sum_of_products


def kernel(operator: DepthwiseConv2d, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a depthwise convolution with these weights and bias."""
    weights, *bias = constants
    _, rows, columns, channels = operator.x.shape
    window = Window(
        (rows, columns, channels),
        (operator.y.shape[1], operator.y.shape[2], channels),
        operator.kernel,
        operator.pads,
        operator.strides,
        operator.dilations,
    )
    finish = Finish(operator.shifts, operator.y.dtype, operator.activation == "relu")
    filter_ = weights.transpose(0, 2, 3, 1)
    return sum_of_products(chip, window, filter_, bias[0] if bias else None, finish, depthwise=True)
