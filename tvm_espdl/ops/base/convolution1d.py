"""What conv1d and depthwise_conv1d share: a 1-D convolution is a 2-D one on an image of one row.

It is no operator of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from ...chips import Chip
from .ccall import CCall
from .convolution import Convolution
from .operator import Summed
from .rounding import Array
from .window import Pair, with_rows


class Convolution1d(Convolution):
    """As `Convolution`, with `x` and `y` as `(1, W, C)` and the filter as `(O, I, K)`.

    Pads, strides and dilations keep their 2-D form; those of the rows do nothing.

    Attributes
    ----------
    in_2d : type
        The operator on images.
    """

    @property
    def size(self) -> Pair:
        """One row, and the columns of the data."""
        return 1, self.x.shape[1]

    @property
    def result_size(self) -> Pair:
        """One row, and the columns of the result."""
        return 1, self.y.shape[1]

    @property
    def kernel(self) -> Pair:
        """One row, and the taps of the filter."""
        return 1, self.w.shape[2]

    in_2d: ClassVar[type[Convolution]]

    @property
    def as_2d(self) -> Convolution:
        """The same on an image of one row."""
        x, y = with_rows(self.x), with_rows(self.y)
        w = replace(self.w, shape=(*self.w.shape[:2], 1, self.w.shape[2]))
        window = (self.pads, self.strides, self.dilations, self.activation)
        return self.in_2d(x, w, self.b, y, *window)

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/base/dl_base.hpp`, ConvOpArgs of 3 dimensions: height 1."""
        x, w, *b = arrays
        return self.as_2d.reference(chip, x[:, None], w[:, :, None], *b).reshape(self.y.shape)

    def summed(self, *constants: Array) -> Summed | None:
        """As the 2-D convolution."""
        w, *b = constants
        return self.as_2d.summed(w[:, :, None], *b)

    def call(self, chip: Chip, *constants: Array) -> CCall:
        """The 2-D kernel on an image of one row."""
        w, *b = constants
        return self.as_2d.call(chip, w[:, :, None], *b)
