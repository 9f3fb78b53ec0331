"""conv1d: a convolution along one axis, all input channels; ESP-DL runs it as conv2d."""

from __future__ import annotations

from dataclasses import dataclass

from .base.convolution1d import Convolution1d
from .conv2d import Conv2d


@dataclass(frozen=True)
class Conv1d(Convolution1d):
    """As `conv2d` on an image of one row, filter `(O, C, K)`."""

    name = "conv1d"

    @property
    def as_2d(self) -> Conv2d:
        """The same on an image of one row."""
        window = (self.pads, self.strides, self.dilations, self.activation)
        fields = self.fields_2d()
        return Conv2d(fields["x"], fields["w"], self.b, fields["y"], *window)
