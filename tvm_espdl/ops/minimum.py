"""minimum: the smaller of two values, element by element with broadcasting, at one exponent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..chips import Chip
from .base.binary import RawBinary
from .base.ccall import CCall
from .base.rounding import Array
from .base.unary import suffix


@dataclass(frozen=True)
class Minimum(RawBinary):
    """`y = min(a, b)` on the integers as they are."""

    name: ClassVar[str] = "minimum"

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/base/dl_base_min.cpp`; exponents are not read."""
        return np.minimum(arrays[0], arrays[1])

    def call(self, chip: Chip, *constants: Array) -> CCall:
        """`espdl_minimum_s8` or `_s16`."""
        return CCall(
            function=f"espdl_minimum_{suffix(self.y)}",
            descriptor="espdl_binary_t",
            fields={**self.walk(), "relu": 0},
        )
