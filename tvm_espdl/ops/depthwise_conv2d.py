"""depthwise_conv2d: a convolution of each channel with its own filter (multiplier 1)."""

from __future__ import annotations

import numpy as np

from .base import Array, Convolution, Summed


class DepthwiseConv2d(Convolution):
    """`y[c] = saturate(activation(round((b[c] + sum(x[c] * w[c])) >> shift)))`.

    The filter is `(C, 1, KH, KW)`.

    Source: ESP-DL `dl/base/dl_base_depthwise_conv2d.cpp` and `isa/*/*_depthwise_*.S`.
    """

    name = "depthwise_conv2d"

    def positions(self, windows: Array) -> Array:
        """`(positions, C, products)`: each channel has its own."""
        channels = self.w.shape[0]
        return np.moveaxis(windows, -1, 2).reshape(-1, channels, self.w.size // channels)

    def summed(self, *constants: Array) -> Summed:
        """Row and column of the filter, and the bias; all channels are in vector lanes."""
        w, *b = constants
        return Summed(w.reshape(len(w), -1), b[0] if b else None, lanes_only=True)
