"""gemm: rows times a constant matrix, with bias and fused ReLU; ESP-DL runs it as a 1x1 conv2d."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import CCall, FieldValue, Operator, Summed, Weighted, convolution_call
from .base.accumulate import accumulate, finish
from .base.ccall import PITCH
from .base.rounding import Array


class Gemm(Weighted):
    """`y = saturate(activation(round((b + x @ w) >> shift)))`.

    Attributes
    ----------
    x : Tensor
        `(..., K)`, int8 or int16; leading dimensions are rows.
    w : Tensor
        `(K, N)`, type of x; its exponent may be one per column.
    b : Tensor or None
        `(N,)`, int32 (int64 for int16 data), at exponent `x + w`.
    y : Tensor
        `(..., N)`.
    activation : str
        `linear` or `relu`.
    """

    activation: str = "linear"

    name = "gemm"

    @property
    def macs(self) -> int:
        """Rows times K times N."""
        return self.x.size * self.w.shape[1]

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_gemm.hpp`: a 1x1 convolution."""
        x, *constants = arrays
        terms = self.summed(*constants)
        rows = x.reshape(-1, x.shape[-1])
        sums = accumulate(chip, rows, terms.weights, terms.bias, run=x.shape[-1])
        return finish(sums, self.shift(chip), self.activation, self.y, chip).reshape(self.y.shape)

    def summed(self, *constants: Array) -> Summed:
        """The columns of the matrix, and the bias."""
        w, *b = constants
        return Summed(w.T, b[0] if b else None)

    def call(self, chip: Chip, *constants: Array) -> CCall:
        """The conv2d kernel on an image of one row."""
        w, *b = constants
        depth, columns = self.w.shape
        rows = self.x.size // depth
        one = ("kernel_height", "kernel_width", "stride_y", "stride_x", "dilation_y", "dilation_x")
        fields: dict[str, FieldValue] = {
            "input_height": 1,
            "input_width": rows,
            "input_channels": depth,
            "output_height": 1,
            "output_width": rows,
            "output_channels": columns,
            PITCH: columns,
            "pad_top": 0,
            "pad_left": 0,
            **dict.fromkeys(one, 1),
        }
        filter_ = np.ascontiguousarray(w.T)[:, :, None, None]
        bias = b[0] if b else None
        return convolution_call(chip, "conv2d", self, filter_, bias, fields=fields, depthwise=False)

    def permuted(self, axes: tuple[int, ...]) -> Operator:
        """Only a permutation of the rows leaves a gemm what it is."""
        if axes[-1] != len(axes) - 1:
            raise NotImplementedError("the last axis of a gemm is its depth")
        return self.transposed(axes)
