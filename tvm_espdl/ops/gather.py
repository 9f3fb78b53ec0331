"""gather: the slices of one axis that constant indices name."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import Array, FieldValue, MovedIntegers, Operator, Tensor, split_at


class Gather(MovedIntegers):
    """`y = x[..., indices, ...]`: the axes of `indices` stand where `axis` stood.

    Attributes
    ----------
    indices : Tensor
        int64; a constant, each 0 or more and below the extent of the axis.
    axis : int
        Not negative.
    """

    indices: Tensor
    axis: int = 0

    name = "gather"
    family = "movement"
    constant_fields = ("indices",)

    @property
    def blocks(self) -> tuple[int, int, int]:
        """Elements before, along and behind the axis of x."""
        return split_at(self.x.shape, self.axis)

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_gather.hpp`."""
        return arrays[0].take(arrays[1], self.axis)

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """The blocks of x, and how many indices there are."""
        names = ("outer", "extent", "inner", "count")
        return dict(zip(names, (*self.blocks, self.indices.size), strict=True))

    def arrays(self, *constants: Array) -> dict[str, Array]:
        """The indices."""
        return {"indices": constants[0].astype(np.int32)}

    def permuted(self, axes: tuple[int, ...]) -> Operator:
        """The same on transposed tensors, where the indices have one dimension."""
        if len(self.indices.shape) != 1:
            return super().permuted(axes)
        return self.transposed(axes, axis=axes.index(self.axis))
