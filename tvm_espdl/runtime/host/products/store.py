"""From sums to results: rounding shift, ReLU, saturation and store of whole vectors.

The half that rounding adds is part of the packed bias. It never sees a product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from tvm import tirx
from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.accumulate import largest_sums
from ....ops.base.rounding import Array
from ..arithmetic import LARGEST_LEFT_SHIFT
from ..channels import INT32_MAX
from ..kernel import Buffer, Expression
from .digits import Halves
from .vectors import Vector
from .window import Finish

MOST_SHIFT = 31  # of lanes of 32 bits


@dataclass(frozen=True)
class Store:
    """How the sums of one kernel become results.

    Attributes
    ----------
    added : numpy.ndarray
        int64, `(channels,)`: what rounding wants added to the sum before the shift.
    shifts : numpy.ndarray
        int64, `(channels,)`, 0 to 31.
    left : numpy.ndarray
        int64, `(channels,)`, 0 to 16: shifts to the left, of what is saturated before.
    """

    chip: Chip
    finish: Finish
    added: Array
    shifts: Array
    left: Array

    @property
    def uniform(self) -> bool:
        """Whether one shift serves all channels."""
        return len(set(self.finish.shifts)) == 1

    @property
    def kept(self) -> list[Array]:
        """What the lanes need besides the sums, each int32 of `(channels,)`."""
        if self.uniform:
            return []
        left = [self.left] if self.left.any() else []
        return [values.astype(np.int32) for values in (self.shifts, self.added, *left)]

    def emit(
        self,
        y: Buffer,
        place: Expression,
        vector: Vector,
        total: Expression,
        kept: list[Expression],
    ) -> None:
        """Store the results of one vector.

        Parameters
        ----------
        total : expression
            A vector of sums, `added` included.
        kept : list of expression
            Vectors of what `kept` says.
        """
        self.saturated(y, place, vector, self.shifted(total, kept))

    def saturated(self, y: Buffer, place: Expression, vector: Vector, value: Expression) -> None:
        """Store rounded sums of one vector, with ReLU, saturated."""
        lanes = value.ty.dtype.lanes
        limits = np.iinfo(self.finish.dtype)
        lowest = 0 if self.finish.relu else int(limits.min)
        value = _limited(value, lowest, int(limits.max))
        result = T.Cast(f"{self.finish.dtype}x{lanes}", value)
        store_first(y, place, result, vector.width)

    def shifted(self, total: Expression, kept: list[Expression]) -> Expression:
        """The rounded sums in int32, before ReLU and saturation."""
        lanes = total.ty.dtype.lanes
        if self.uniform:
            shift = tirx.Broadcast(T.int32(int(self.shifts[0])), lanes)
            added = tirx.Broadcast(T.int32(int(self.added[0])), lanes)
            some = int(self.shifts[0]) > 0
        else:
            (shift, added), some = kept[:2], True
        if not some:
            return self._moved_left(total, kept)
        if self.chip.rounding == "half_even":
            one = tirx.Broadcast(T.int32(1), lanes)
            odd = ((total - added) >> shift) & one
            if not self.uniform:
                odd = T.min(odd, shift)  # a shift by 0 rounds nothing
            total = total + odd
        return self._moved_left(total >> shift, kept)

    def _moved_left(self, value: Expression, kept: list[Expression]) -> Expression:
        """Saturated first, a value cannot overflow, and what it exceeds stays exceeded."""
        if not self.left.any():
            return value
        limits = np.iinfo(self.finish.dtype)
        lanes = value.ty.dtype.lanes
        left = tirx.Broadcast(T.int32(int(self.left[0])), lanes) if self.uniform else kept[2]
        return _limited(value, int(limits.min), int(limits.max)) << left

    @property
    def added_first(self) -> Array:
        """What sums in halves begin with besides the bias, int64 of `(channels,)`."""
        return self.added if self.chip.rounding == "half_up" else np.zeros_like(self.added)

    def of_halves(self, total: Halves, kept: list[Expression]) -> Expression:
        """The same as `shifted`, of sums that `added_first` is part of.

        Beyond the range of int16, the result is anything beyond it.
        """
        lanes = total.lower.ty.dtype.lanes
        shift: Any = int(self.shifts[0]) if self.uniform else kept[0]
        if self.chip.rounding == "half_even" and (not self.uniform or shift):
            wide = tirx.Broadcast(T.int32(shift), lanes) if self.uniform else shift
            one = tirx.Broadcast(T.int32(1), lanes)
            added = tirx.Broadcast(T.int32(int(self.added[0])), lanes) if self.uniform else kept[1]
            low = (added & tirx.Broadcast(T.int32(0xFFFF), lanes)) + T.min(
                (total.bits >> wide) & one, wide
            )
            total = total.plus(low, added >> tirx.Broadcast(T.int32(16), lanes))
        return self._moved_left(total.shifted(shift), kept)


def _limited(value: Expression, lowest: int, highest: int) -> Expression:
    lanes = value.ty.dtype.lanes
    value = T.max(value, tirx.Broadcast(T.int32(lowest), lanes))
    return T.min(value, tirx.Broadcast(T.int32(highest), lanes))


def store_first(y: Buffer, place: Expression, value: Expression, width: int) -> None:
    """Emit the store of the first `width` lanes of a vector."""
    lanes = value.ty.dtype.lanes
    if width == 1:
        T.buffer_store(y, tirx.Shuffle([value], [T.int32(0)]), [place])
        return
    if width < lanes:
        value = tirx.Shuffle([value], [T.int32(n) for n in range(width)])
    T.buffer_store(y, value, [tirx.Ramp(place, 1, width)])


def store_of(
    chip: Chip, finish: Finish, weights: Array, bias: Array, *, halves: bool = False
) -> Store | None:
    """The store after sums with these weights and bias; None where rounding needs more bits.

    Parameters
    ----------
    weights : numpy.ndarray
        `(channels, products)`.
    halves : bool
        Whether sums may need more than 32 bits.
    """
    shifts = np.array(np.broadcast_to(finish.shifts, len(weights)), np.int64)
    left = np.clip(-shifts, 0, LARGEST_LEFT_SHIFT)
    largest = largest_sums(weights, bias, finish.dtype)
    # Nothing remains of a sum below half of what one bit of the result stands for.
    nothing = (shifts > MOST_SHIFT) & (largest >= 0) & (largest < 1 << (MOST_SHIFT - 1))
    shifts = np.where(nothing, MOST_SHIFT, np.maximum(shifts, 0))
    half = np.where(shifts > 0, np.int64(1) << (np.clip(shifts, 1, 62) - 1), 0)
    if chip.rounding == "half_even":
        half -= shifts > 0
    few = shifts <= MOST_SHIFT
    if not halves:
        few &= (largest >= 0) & (largest + half + 1 <= INT32_MAX)
    return Store(chip, finish, half, shifts, left) if few.all() else None
