"""transpose: the axes change places."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import Array, FieldValue, Moved, Tensor, rule, strides_of

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

    @classmethod
    def of(cls, x: Tensor, axes: tuple[int, ...]) -> Transpose:
        """The transpose of `x` by `axes`."""
        return cls(x, x.permuted(axes), axes)

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_transpose.hpp`."""
        return np.ascontiguousarray(arrays[0].transpose(self.axes))

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """Extents of the result and steps through the input, unused dimensions in front."""
        dense, missing = strides_of(self.x.shape), MAX_RANK - len(self.axes)
        return {
            "extents": (1,) * missing + self.y.shape,
            "strides": (0,) * missing + tuple(dense[axis] for axis in self.axes),
        }

    @rule(allowed=f"up to {MAX_RANK} dimensions", fix="reshape first")
    def rank_fits(self, chip: Chip) -> str | None:
        """A transpose has at most 6 dimensions."""
        return None if len(self.axes) <= MAX_RANK else f"{len(self.axes)} dimensions"
