"""reshape: the same elements in the same order under another shape (flatten, squeeze, ...)."""

from __future__ import annotations

from ..chips import Chip
from .base import Array, CCall, Moved


class Reshape(Moved):
    """`y = x` under another shape; in memory nothing moves."""

    name = "reshape"
    family = "movement"

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_reshape.hpp`."""
        return arrays[0].reshape(self.y.shape)

    def call(self, chip: Chip, *constants: Array) -> CCall:
        """`espdl_copy`: needed only where input and output may not share their memory."""
        return CCall("espdl_copy", "espdl_copy_t", {"bytes": self.y.nbytes}, pointers="void")
