"""conv2d: a convolution over all input channels, with bias and fused ReLU."""

from __future__ import annotations

from .base import Array, Convolution, Summed


class Conv2d(Convolution):
    """`y = saturate(activation(round((b + sum(x * w)) >> shift)))`, filter `(O, C, KH, KW)`.

    Source: ESP-DL `dl/base/dl_base_conv2d.cpp` and `isa/*/*_conv2d.S`.
    """

    name = "conv2d"

    def summed(self, *constants: Array) -> Summed:
        """Row, column and input channel of the filter, in this order, and the bias."""
        w, *b = constants
        return Summed(w.transpose(0, 2, 3, 1).reshape(len(w), -1), b[0] if b else None)
