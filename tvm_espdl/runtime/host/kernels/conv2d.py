"""Host kernel of conv2d.

It describes the window and packs the filter; how products are summed is never decided here.
"""

from __future__ import annotations

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.conv2d import Conv2d
from ..kernel import HostKernel
from ..products import Finish, Window, sum_of_products


def kernel(operator: Conv2d, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a convolution with these weights and bias."""
    weights, *bias = constants
    _, rows, columns, depth = operator.x.shape
    _, *extent, channels = operator.y.shape
    window = Window(
        (rows, columns, depth),
        (extent[0], extent[1], channels),
        operator.kernel,
        operator.pads,
        operator.strides,
        operator.dilations,
    )
    if window.kernel == (1, 1) and not any(window.pads) and window.strides == (1, 1):
        # As one long row, so that the end of an image row leaves no remainder.
        window = Window((1, rows * columns, depth), (1, rows * columns, channels))
    finish = Finish(operator.shifts, operator.y.dtype, operator.activation == "relu")
    filter_ = weights.transpose(0, 2, 3, 1)
    return sum_of_products(chip, window, filter_, bias[0] if bias else None, finish)
