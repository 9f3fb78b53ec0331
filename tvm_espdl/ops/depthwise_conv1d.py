"""depthwise_conv1d: each channel convolved along one axis; ESP-DL runs it as depthwise_conv2d."""

from __future__ import annotations

from dataclasses import dataclass

from .base.convolution1d import Convolution1d
from .depthwise_conv2d import DepthwiseConv2d


@dataclass(frozen=True)
class DepthwiseConv1d(Convolution1d):
    """As `depthwise_conv2d` on an image of one row, filter `(C, 1, K)`."""

    name = "depthwise_conv1d"

    @property
    def as_2d(self) -> DepthwiseConv2d:
        """The same on an image of one row."""
        window = (self.pads, self.strides, self.dilations, self.activation)
        fields = self.fields_2d()
        return DepthwiseConv2d(fields["x"], fields["w"], self.b, fields["y"], *window)
