"""slice: a range with a step along each axis; what a split gives is slices."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import Array, Operator, Shape, Strided, Tensor, rule, strides_of


class Slice(Strided):
    """`y[i] = x[starts + i * steps]` along every axis; the shape of y says how many.

    Attributes
    ----------
    starts : tuple of int
        First index along each axis of x, not negative.
    steps : tuple of int
        May be negative.
    """

    starts: Shape = ()
    steps: Shape = ()

    name = "slice"

    @classmethod
    def along(cls, x: Tensor, y: Tensor, axis: int, start: int) -> Slice:
        """The elements from `start` on, as many as y has along one axis."""
        starts = tuple(start if at == axis else 0 for at in range(len(x.shape)))
        return cls(x, y, starts, (1,) * len(starts))

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/tensor/src/dl_tensor_base.cpp`, `TensorBase::slice`."""
        y = arrays[0]
        for axis, extent in enumerate(self.y.shape):
            indices = self.starts[axis] + self.steps[axis] * np.arange(extent)
            y = y.take(indices, axis)
        return y

    def walk(self) -> tuple[Shape, Shape, int]:
        """The extents of y; a step of the slice is as many steps through x."""
        dense = strides_of(self.x.shape)
        strides = tuple(step * one for step, one in zip(self.steps, dense, strict=True))
        first = sum(start * one for start, one in zip(self.starts, dense, strict=True))
        return self.y.shape, strides, first

    def permuted(self, axes: tuple[int, ...]) -> Operator:
        """The same on transposed tensors."""
        starts, steps = (tuple(n[axis] for axis in axes) for n in (self.starts, self.steps))
        return self.transposed(axes, starts=starts, steps=steps)

    @rule(allowed="at least one element", fix="remove the slice")
    def is_not_empty(self, chip: Chip) -> str | None:
        """A slice has at least one element."""
        return f"shape {self.y.shape}" if self.y.size == 0 else None

    @rule(
        allowed="step -1 over a whole axis, or elements that lie alike from both of its ends",
        fix="slice with a positive step and reverse the result",
        otherwise="portable",
    )
    def backward_slice_is_centred(self, chip: Chip) -> str | None:
        """With a negative step, the elements lie as far from the end as from the begin of the axis.

        ESP-DL v3.3.9 counts the begin and end of such a slice from the wrong side of the axis.
        """
        places = zip(self.x.shape, self.y.shape, self.starts, self.steps, strict=True)
        for axis, (extent, count, start, step) in enumerate(places):
            last = start + (count - 1) * step
            if step < 0 and start + last != extent - 1:
                return f"{start} to {last} by {step} of {extent} along axis {axis}"
        return None
