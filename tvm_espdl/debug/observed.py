"""What a board shows of one tensor: all of its values, the first of them, or a checksum."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from ..ops.base.rounding import Array


def same_bits(one: Array, other: Array) -> Array:
    """Where two arrays of one type and shape hold the same bits: a NaN equals itself, -0 not 0."""
    whole = (np.ascontiguousarray(array) for array in (one, other))
    width = one.dtype.itemsize
    a, b = (array.view(f"u{width}") if array.ndim else array[None].view(f"u{width}")
            for array in whole)  # fmt: skip
    same: Array = a == b
    return same


def checksum(array: Array) -> int:
    """As firmware prints it: CRC-32 of the bytes."""
    return zlib.crc32(np.ascontiguousarray(array).tobytes())


@dataclass(frozen=True, eq=False)
class Observed:
    """One tensor of a board.

    Attributes
    ----------
    values : numpy.ndarray or None
        Whole, of the tensor's type and shape; flat where there are only its first values; None
        where there is only a checksum.
    crc : int
        The checksum, where there are no values.
    whole : bool
        Whether it shows all values, be it by a checksum.
    """

    values: Array | None
    crc: int = 0
    whole: bool = True

    def shows(self, array: Array) -> bool:
        """Whether the board's tensor can be this one: all that is known of it agrees."""
        if self.values is None:
            return checksum(array) == self.crc
        if not self.whole:
            array = array.ravel()[: self.values.size]
        if (array.dtype, array.shape) != (self.values.dtype, self.values.shape):
            return False
        return bool(same_bits(array, self.values).all())
