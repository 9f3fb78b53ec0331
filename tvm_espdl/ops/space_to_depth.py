"""space_to_depth: blocks of pixels become blocks of channels (pixel unshuffle)."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import Array, Shape, Strided, rule, strides_of


class SpaceToDepth(Strided):
    """From `(N, H * block, W * block, C)` to `(N, H, W, C * block**2)`.

    Attributes
    ----------
    block : int
        Rows and columns that become one pixel.
    mode : str
        How channels are ordered: `DCR` by row, column, depth, as ONNX has it; `CRD` by depth,
        row, column, as PyTorch's pixel unshuffle has it.
    """

    block: int = 1
    mode: str = "DCR"

    name = "space_to_depth"
    channels_last = True

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_space_to_depth.hpp`."""
        batch, rows, columns, _ = self.y.shape
        depth, block = self.x.shape[3], self.block
        split = arrays[0].reshape(batch, rows, block, columns, block, depth)
        order = (0, 1, 3, 2, 4, 5) if self.mode == "DCR" else (0, 1, 3, 5, 2, 4)
        return np.ascontiguousarray(split.transpose(order)).reshape(self.y.shape)

    def walk(self) -> tuple[Shape, Shape, int]:
        """Pixels of y, then its channels in the order of the mode."""
        batch, rows, columns, _ = self.y.shape
        depth, block = self.x.shape[3], self.block
        of_batch, of_row, of_column, _ = strides_of(self.x.shape)
        pixel = (of_batch, block * of_row, block * of_column)
        if self.mode == "DCR":
            extents = (batch, rows, columns, block, block, depth)
            return extents, (*pixel, of_row, of_column, 1), 0
        return (batch, rows, columns, depth, block, block), (*pixel, 1, of_row, of_column), 0

    @rule(allowed="one channel, or the order of PyTorch's PixelUnshuffle", fix="use PixelUnshuffle")
    def order_is_by_channel(self, chip: Chip) -> str | None:
        """The channels of the result are ordered by channel of the input first.

        ESP-DL v3.3.9 orders them so, ONNX by place in the block: alike for one channel only.
        """
        wrong = self.mode == "DCR" and self.block > 1 and self.x.shape[3] > 1
        return f"{self.x.shape[3]} channels in ONNX's order" if wrong else None
