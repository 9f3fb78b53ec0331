"""transpose: the axes change places."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import Array, FieldValue, Moved, Shape, Tensor, rule, strides_of

MAX_RANK = 6


class Transpose(Moved):
    """`y[i[axes[0]], i[axes[1]], ...] = x[i]`.

    Attributes
    ----------
    axes : tuple of int
        Axis of x for each axis of y.
    """

    axes: tuple[int, ...] = ()

    name = "transpose"
    family = "movement"

    @classmethod
    def of(cls, x: Tensor, axes: tuple[int, ...]) -> Transpose:
        """The transpose of `x` by `axes`."""
        return cls(x, x.permuted(axes), axes)

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_transpose.hpp`."""
        return np.ascontiguousarray(arrays[0].transpose(self.axes))

    def walk(self) -> tuple[Shape, Shape, int]:
        """Extents of the result, steps through x for each, and the first element's place in x."""
        dense = strides_of(self.x.shape)
        return self.y.shape, tuple(dense[axis] for axis in self.axes), 0

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """The walk, its unused dimensions in front."""
        extents, strides, _ = self.walk()
        missing = MAX_RANK - len(extents)
        return {"extents": (1,) * missing + extents, "strides": (0,) * missing + strides}

    @rule(allowed=f"up to {MAX_RANK} dimensions", fix="reshape first")
    def rank_fits(self, chip: Chip) -> str | None:
        """A transpose has at most 6 dimensions."""
        return None if len(self.axes) <= MAX_RANK else f"{len(self.axes)} dimensions"
