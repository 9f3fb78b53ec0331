"""transpose: the axes change places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..chips import Chip
from .base.ccall import CCall
from .base.moved import Moved
from .base.operator import Tensor, rule
from .base.rounding import Array
from .base.unary import suffix

MAX_RANK = 6


@dataclass(frozen=True)
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

    def call(self, chip: Chip, *constants: Array) -> CCall:
        """`espdl_transpose_s8`, `_s16` or `_f32`."""
        strides = [1]
        for extent in reversed(self.x.shape[1:]):
            strides.append(strides[-1] * extent)
        strides.reverse()
        missing = MAX_RANK - len(self.axes)
        return CCall(
            function=f"espdl_transpose_{suffix(self.x)}",
            descriptor="espdl_transpose_t",
            fields={
                "extents": (1,) * missing + self.y.shape,
                "strides": (0,) * missing + tuple(strides[axis] for axis in self.axes),
            },
        )

    @rule(allowed=f"up to {MAX_RANK} dimensions", fix="reshape first")
    def rank_fits(self, chip: Chip) -> str | None:
        """A transpose has at most 6 dimensions."""
        return None if len(self.axes) <= MAX_RANK else f"{len(self.axes)} dimensions"
