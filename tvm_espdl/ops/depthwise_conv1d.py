"""depthwise_conv1d: each channel convolved along one axis; ESP-DL runs it as depthwise_conv2d."""

from __future__ import annotations

from .base import Convolution1d
from .depthwise_conv2d import DepthwiseConv2d


class DepthwiseConv1d(Convolution1d):
    """As `depthwise_conv2d` on an image of one row, filter `(C, 1, K)`."""

    name = "depthwise_conv1d"
    in_2d = DepthwiseConv2d
