"""Host kernels of convolutions and gemm, which is a 1x1 convolution over an image of one row.

They describe the window and turn the filter; how products are summed is never decided here.
"""

from __future__ import annotations

from ....chips import Chip
from ....ops.base.convolution import Convolution
from ....ops.base.convolution1d import Convolution1d
from ....ops.base.rounding import Array
from ....ops.conv2d import Conv2d
from ....ops.depthwise_conv2d import DepthwiseConv2d
from ....ops.gemm import Gemm
from ..kernel import HostKernel, Kernels
from ..products import Finish, Window, sum_of_products


def convolution(
    operator: Convolution, chip: Chip, weights: Array, bias: Array | None = None
) -> HostKernel:
    """The kernel of a convolution with these weights and bias."""
    depthwise = isinstance(operator, DepthwiseConv2d)
    image, output = operator.x.shape[1:], operator.y.shape[1:]
    window = Window(
        (image[0], image[1], image[2]),
        (output[0], output[1], output[2]),
        operator.kernel,
        operator.pads,
        operator.strides,
        operator.dilations,
    )
    plain = window.kernel == (1, 1) and not any(window.pads) and window.strides == (1, 1)
    if plain and not depthwise:
        # As one long row, so that the end of an image row leaves no remainder.
        pixels = image[0] * image[1]
        window = Window((1, pixels, image[2]), (1, pixels, output[2]))
    filter_ = weights.transpose(0, 2, 3, 1)
    return sum_of_products(
        chip, window, filter_, bias, _finish(operator, chip), depthwise=depthwise
    )


def convolution1d(operator: Convolution1d, chip: Chip, weights: Array, *bias: Array) -> HostKernel:
    """The kernel of the same on an image of one row."""
    return convolution(operator.as_2d, chip, weights[:, :, None], *bias)


def gemm(operator: Gemm, chip: Chip, matrix: Array, bias: Array | None = None) -> HostKernel:
    """The kernel of a matrix product with this matrix and bias."""
    depth, columns = matrix.shape
    rows = operator.x.size // depth
    window = Window((1, rows, depth), (1, rows, columns))
    return sum_of_products(chip, window, matrix.T[:, None, None, :], bias, _finish(operator, chip))


def _finish(operator: Convolution | Gemm, chip: Chip) -> Finish:
    return Finish(operator.kept_shifts(chip), operator.y.dtype, operator.activation == "relu")


KERNELS: Kernels = {
    Conv2d: convolution,
    DepthwiseConv2d: convolution,
    Convolution1d: convolution1d,
    Gemm: gemm,
}
