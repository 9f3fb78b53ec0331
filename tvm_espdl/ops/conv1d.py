"""conv1d: a convolution along one axis, all input channels; ESP-DL runs it as conv2d."""

from __future__ import annotations

from .base import Convolution1d
from .conv2d import Conv2d


class Conv1d(Convolution1d):
    """As `conv2d` on an image of one row, filter `(O, C, K)`."""

    name = "conv1d"
    in_2d = Conv2d
