"""conv2d: a convolution over all input channels, with bias and fused ReLU."""

from __future__ import annotations

from ..chips import Chip
from .base import Array, CCall, Convolution, Summed, accumulate, convolution_call, finish, patches


class Conv2d(Convolution):
    """`y = saturate(activation(round((b + sum(x * w)) >> shift)))`, filter `(O, C, KH, KW)`."""

    name = "conv2d"

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/base/dl_base_conv2d.cpp` and `isa/*/*_conv2d.S`."""
        x, *constants = arrays
        terms = self.summed(*constants)
        windows = patches(x, self.kernel, self.pads, self.strides, self.dilations)
        positions = windows.reshape(-1, terms.weights.shape[1])
        sums = accumulate(chip, positions, terms.weights, terms.bias, run=self.w.shape[1])
        y = finish(sums, self.shift, self.activation, self.y, chip)
        return y.reshape(self.y.shape)

    def summed(self, *constants: Array) -> Summed:
        """Row, column and input channel of the filter, in this order, and the bias."""
        w, *b = constants
        return Summed(w.transpose(0, 2, 3, 1).reshape(len(w), -1), b[0] if b else None)

    def call(self, chip: Chip, *constants: Array) -> CCall:
        """`espdl_conv2d_s8` or `_s16`, filter and bias packed for the chip."""
        w, *b = constants
        bias = b[0] if b else None
        return convolution_call(
            chip, "conv2d", self, w, bias, fields=self.window_fields(), depthwise=False
        )
