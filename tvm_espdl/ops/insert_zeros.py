"""insert_zeros: zeros between pixels, the first half of a transposed convolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..chips import Chip
from .ccall import CCall
from .moved import Moved
from .operator import Tensor, rule
from .rounding import Array
from .unary import suffix
from .window import Pair


@dataclass(frozen=True)
class InsertZeros(Moved):
    """`y[0, i * sy, j * sx] = x[0, i, j]`, zero everywhere else; `(1, H, W, C)`, int8 or int16.

    Attributes
    ----------
    strides : tuple of int
        Distance of two pixels in the result: rows, columns.
    tail : tuple of int
        Further rows and columns of zeros at the end (ONNX's `output_padding`).
    """

    strides: Pair = (1, 1)
    tail: Pair = (0, 0)

    name: ClassVar[str] = "insert_zeros"
    channels_last: ClassVar[bool] = True

    @classmethod
    def of(cls, x: Tensor, strides: Pair, tail: Pair) -> InsertZeros:
        """The operator on `x`, its result worked out."""
        rows, columns = (
            (extent - 1) * stride + 1 + more
            for extent, stride, more in zip(x.shape[1:3], strides, tail, strict=True)
        )
        y = Tensor(x.dtype, (x.shape[0], rows, columns, x.shape[3]), x.exponent)
        return cls(x, y, strides, tail)

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_insert_zeros.hpp`."""
        (x,) = arrays
        y = np.zeros(self.y.shape, x.dtype)
        rows, columns = (n * s for n, s in zip(x.shape[1:3], self.strides, strict=True))
        y[:, : rows : self.strides[0], : columns : self.strides[1]] = x
        return y

    def call(self, chip: Chip, *constants: Array) -> CCall:
        """`espdl_insert_zeros_s8` or `_s16`."""
        return CCall(
            function=f"espdl_insert_zeros_{suffix(self.x)}",
            descriptor="espdl_insert_zeros_t",
            fields={
                "input_height": self.x.shape[1],
                "input_width": self.x.shape[2],
                "channels": self.x.shape[3],
                "output_height": self.y.shape[1],
                "output_width": self.y.shape[2],
                "stride_y": self.strides[0],
                "stride_x": self.strides[1],
            },
        )

    @rule(allowed="int8 or int16", fix="quantize the input")
    def type_is_integer(self, chip: Chip) -> str | None:
        """Zeros are inserted between int8 or int16 values."""
        return None if self.x.dtype in ("int8", "int16") else self.x.dtype

    @rule(allowed="batch 1", fix="run the samples one after the other")
    def batch_is_one(self, chip: Chip) -> str | None:
        """It takes one image at a time."""
        return None if self.x.shape[0] == 1 else f"batch {self.x.shape[0]}"
