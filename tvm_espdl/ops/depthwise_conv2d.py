"""depthwise_conv2d: a convolution of each channel with its own filter (multiplier 1)."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import Array, CCall, Convolution, Summed, accumulate, convolution_call, finish, patches


class DepthwiseConv2d(Convolution):
    """`y[c] = saturate(activation(round((b[c] + sum(x[c] * w[c])) >> shift)))`.

    The filter is `(C, 1, KH, KW)`.
    """

    name = "depthwise_conv2d"

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/base/dl_base_depthwise_conv2d.cpp` and `isa/*/*_depthwise_*.S`."""
        x, *constants = arrays
        terms = self.summed(*constants)
        windows = patches(x, self.kernel, self.pads, self.strides, self.dilations)
        taps = self.kernel[0] * self.kernel[1]
        positions = np.moveaxis(windows, -1, 2).reshape(-1, len(terms.weights), taps)
        sums = accumulate(chip, positions, terms.weights, terms.bias, run=1, lanes_only=True)
        y = finish(sums, self.shift, self.activation, self.y, chip)
        return y.reshape(self.y.shape)

    def summed(self, *constants: Array) -> Summed:
        """Row and column of the filter, and the bias; all channels are in vector lanes."""
        w, *b = constants
        return Summed(w.reshape(len(w), -1), b[0] if b else None, lanes_only=True)

    def call(self, chip: Chip, *constants: Array) -> CCall:
        """`espdl_depthwise_conv2d_s8` or `_s16`, filter and bias packed for the chip."""
        w, *b = constants
        bias = b[0] if b else None
        return convolution_call(
            chip, "depthwise_conv2d", self, w, bias, fields=self.window_fields(), depthwise=True
        )
