"""depth_to_space: blocks of channels become blocks of pixels (pixel shuffle)."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import Array, Shape, Strided, rule, strides_of


class DepthToSpace(Strided):
    """From `(N, H, W, C * block**2)` to `(N, H * block, W * block, C)`.

    Attributes
    ----------
    block : int
        Rows and columns that a pixel becomes.
    mode : str
        How channels are ordered: `DCR` by row, column, depth; `CRD` by depth, row, column.
    """

    block: int = 1
    mode: str = "DCR"

    name = "depth_to_space"
    channels_last = True

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_depth_to_space.hpp`."""
        batch, rows, columns, _ = self.x.shape
        depth, block = self.y.shape[3], self.block
        if self.mode == "DCR":
            split = arrays[0].reshape(batch, rows, columns, block, block, depth)
            moved = split.transpose(0, 1, 3, 2, 4, 5)
        else:
            split = arrays[0].reshape(batch, rows, columns, depth, block, block)
            moved = split.transpose(0, 1, 4, 2, 5, 3)
        return np.ascontiguousarray(moved).reshape(self.y.shape)

    def walk(self) -> tuple[Shape, Shape, int]:
        """Rows, then columns of y, each in pixels of x and places in a block; then channels."""
        batch, rows, columns, _ = self.x.shape
        depth, block = self.y.shape[3], self.block
        extents = (batch, rows, block, columns, block, depth)
        of_batch, of_row, of_column, _ = strides_of(self.x.shape)
        down, right, deep = (
            (block * depth, depth, 1) if self.mode == "DCR" else (block, 1, block * block)
        )
        return extents, (of_batch, of_row, down, of_column, right, deep), 0

    @rule(allowed="mode CRD, or as many result channels as the block size", fix="export with CRD")
    def depth_first_has_block_channels(self, chip: Chip) -> str | None:
        """In mode DCR, the result has as many channels as the block has rows.

        ESP-DL v3.3.9 puts the block size where the number of channels belongs.
        """
        wrong = self.mode == "DCR" and self.block not in (1, self.y.shape[3])
        return f"{self.y.shape[3]} channels, block size {self.block}" if wrong else None
