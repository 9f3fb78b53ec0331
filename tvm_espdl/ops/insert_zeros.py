"""insert_zeros: zeros between pixels, the first half of a transposed convolution."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import Array, FieldValue, MovedIntegers, OneImage, Pair, Tensor, with_rows


class InsertZeros(OneImage, MovedIntegers):
    """`y[0, i * sy, j * sx] = x[0, i, j]`, zero everywhere else; `(1, H, W, C)`, int8 or int16.

    A signal `(1, W, C)` is an image of one row; strides and tail keep their form.

    Attributes
    ----------
    strides : tuple of int
        Distance of two pixels in the result: rows, columns.
    tail : tuple of int
        Further rows and columns of zeros at the end (ONNX's `output_padding`).
    """

    strides: Pair = (1, 1)
    tail: Pair = (0, 0)

    name = "insert_zeros"
    family = "placement"
    channels_last = True

    @classmethod
    def of(cls, x: Tensor, strides: Pair, tail: Pair) -> InsertZeros:
        """The operator on `x`, its result worked out."""
        axes = len(x.shape) - 2
        size = (
            (extent - 1) * stride + 1 + more
            for extent, stride, more in zip(
                x.shape[1:-1], strides[-axes:], tail[-axes:], strict=True
            )
        )
        y = Tensor(x.dtype, (x.shape[0], *size, x.shape[-1]), x.exponent)
        return cls(x, y, strides, tail)

    @property
    def images(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Shapes of input and result as images; a signal has one row."""
        return with_rows(self.x).shape, with_rows(self.y).shape

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_insert_zeros.hpp`."""
        source, target = self.images
        x, y = arrays[0].reshape(source), np.zeros(target, self.y.dtype)
        rows, columns = (n * s for n, s in zip(source[1:3], self.strides, strict=True))
        y[:, : rows : self.strides[0], : columns : self.strides[1]] = x
        return y.reshape(self.y.shape)

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """Sizes of image and result, and the strides."""
        source, target = self.images
        return {
            "input_height": source[1],
            "input_width": source[2],
            "channels": source[3],
            "output_height": target[1],
            "output_width": target[2],
            "stride_y": self.strides[0],
            "stride_x": self.strides[1],
        }
