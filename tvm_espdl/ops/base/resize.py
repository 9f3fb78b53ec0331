"""Base of both resizes: images `(1, H, W, C)` or signals `(1, W, C)`. It is no operator itself.

It knows sizes and what ESP-DL asks of them; coordinates and values are the operators'.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...chips import Chip
from .ccall import FieldValue
from .operator import Tensor, rule
from .unary import Unary
from .window import Pair


class Resize(Unary):
    """Other rows and columns, the same channels; int8."""

    family: ClassVar[str] = "window"
    channels_last: ClassVar[bool] = True

    @property
    def is_signal(self) -> bool:
        """Whether the input has columns only."""
        return len(self.x.shape) == 3

    @property
    def input_size(self) -> Pair:
        """Rows and columns of x; a signal has one row."""
        return size_of(self.x)

    @property
    def output_size(self) -> Pair:
        """Rows and columns of y."""
        return size_of(self.y)

    def size_fields(self) -> dict[str, FieldValue]:
        """Members of the C descriptor that describe image and result."""
        return {
            "input_height": self.input_size[0],
            "input_width": self.input_size[1],
            "output_height": self.output_size[0],
            "output_width": self.output_size[1],
            "channels": self.x.shape[-1],
        }

    @rule(allowed="int8", fix="quantize this layer to int8")
    def type_is_int8(self, chip: Chip) -> str | None:
        """A resize is int8: for int16, ESP-DL v3.3.9 silently computes nothing."""
        types = self.x.dtype, self.y.dtype
        return None if types == ("int8", "int8") else f"{types[0]} to {types[1]}"

    @rule(allowed="batch 1 and 1 or 2 resized dimensions", fix="resize one image or signal")
    def is_one_image(self, chip: Chip) -> str | None:
        """A resize takes one image or one signal, and leaves batch and channels as they are."""
        fits = len(self.x.shape) in (3, 4) and self.x.shape[0] == 1
        return None if fits else f"shape {self.x.shape}"


def size_of(tensor: Tensor) -> Pair:
    """Rows and columns; a signal has one row."""
    shape = tensor.shape
    return (1, shape[1]) if len(shape) == 3 else (shape[1], shape[2])


def inverse_scale(inputs: int, outputs: int) -> np.float32:
    """Input pixels between two output pixels: `1 / (outputs / inputs)` in float32."""
    scale = np.float32(outputs) / np.float32(inputs)
    return np.float32(1) / scale
