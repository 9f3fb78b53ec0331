"""reverse_sequence: the first steps of each sequence in reverse order, the others as they are."""

from __future__ import annotations

import math

import numpy as np

from ..chips import Chip
from .base import Array, FieldValue, MovedIntegers, Tensor, rule


class ReverseSequence(MovedIntegers):
    """`y[b, t] = x[b, n - 1 - t]` for `t` below `n = lengths[b]`, else `x[b, t]`.

    Attributes
    ----------
    lengths : Tensor
        int64, one for each sequence; a constant, each at most the extent of the time axis.
    batch_axis, time_axis : int
        Not negative, not the same.
    """

    lengths: Tensor
    batch_axis: int = 1
    time_axis: int = 0

    name = "reverse_sequence"
    family = "placement"
    constant_fields = ("lengths",)

    @property
    def walk(self) -> tuple[int, int, int, int, int]:
        """Sequences, steps, elements of a step; distance of two sequences, and of two steps."""
        shape = self.x.shape
        features = math.prod(shape[2:])
        inner = [shape[1] * features, features]
        batch, time = self.batch_axis, self.time_axis
        return shape[batch], shape[time], features, inner[batch], inner[time]

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_reverse_sequence.hpp`."""
        x, lengths = arrays
        order = (self.batch_axis, self.time_axis)
        y = x.copy()
        turned, source = np.moveaxis(y, order, (0, 1)), np.moveaxis(x, order, (0, 1))
        for sequence, length in enumerate(lengths):
            if length > 1:
                turned[sequence, :length] = source[sequence, :length][::-1]
        return y

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """The walk."""
        names = ("sequences", "steps", "features", "sequence_stride", "step_stride")
        return dict(zip(names, self.walk, strict=True))

    def arrays(self, *constants: Array) -> dict[str, Array]:
        """How many steps of each sequence are reversed."""
        return {"lengths": constants[0].astype(np.int32)}

    @rule(allowed="axes 0 and 1, in any order", fix="transpose the input first")
    def axes_are_the_first_two(self, chip: Chip) -> str | None:
        """Sequences and steps are the first two dimensions; those behind are moved as one block."""
        axes = (self.batch_axis, self.time_axis)
        return None if sorted(axes) == [0, 1] else f"batch axis {axes[0]}, time axis {axes[1]}"
