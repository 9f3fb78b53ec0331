"""Base of the operators that divide vectors by a norm of theirs, in float32. No operator itself."""

from __future__ import annotations

import numpy as np

from ...chips import Chip
from .operator import rule
from .rounding import Array
from .shifted_scales import ShiftedScales
from .unary import OneInteger


class Normalization(ShiftedScales, OneInteger):
    """Input and output of one type, each vector treated alike."""

    family = "normalization"
    in_place = (0,)

    @property
    def extent(self) -> int:
        """Elements of a vector."""
        raise NotImplementedError

    @rule(allowed="a sum of squares within 32 bits", fix="normalize fewer elements")
    def squares_fit(self, chip: Chip) -> str | None:
        """The squares of int8 values are added up in 32 bits, those of int16 values in 64."""
        most = self.extent << 14
        return None if self.x.dtype != "int8" or most < 2**31 else f"{self.extent} elements"


def sum_of_squares(vectors: Array) -> Array:
    """The exact sum along the last axis, rounded once to float32."""
    wide = vectors.astype(np.int64)
    total: Array = (wide * wide).sum(axis=-1).astype(np.float32)
    return total
