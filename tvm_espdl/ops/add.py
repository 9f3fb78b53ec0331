"""add: element-wise sum with broadcasting, at one exponent, with fused ReLU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..chips import Chip
from .base.binary import RawBinary
from .base.ccall import CCall
from .base.rounding import Array, saturate
from .base.unary import suffix


@dataclass(frozen=True)
class Add(RawBinary):
    """`y = activation(saturate(a + b))`.

    Attributes
    ----------
    activation : str
        `linear` or `relu`.
    """

    activation: str = "linear"

    name: ClassVar[str] = "add"

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/base/dl_base_add.cpp`; exponents are not read."""
        a, b = arrays
        y = saturate(a.astype(np.int32) + b.astype(np.int32), self.y.dtype)
        return np.maximum(y, 0) if self.activation == "relu" else y

    def call(self, chip: Chip, *constants: Array) -> CCall:
        """`espdl_add_s8` or `_s16`."""
        return CCall(
            function=f"espdl_add_{suffix(self.y)}",
            descriptor="espdl_binary_t",
            fields={**self.walk(), "relu": int(self.activation == "relu")},
        )
