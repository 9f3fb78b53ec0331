"""mod: the remainder of a division, with the sign of the dividend; any exponents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .base.real_binary import RealBinary
from .base.rounding import Array


@dataclass(frozen=True)
class Mod(RealBinary):
    """`y = saturate(round(fmodf(a * 2**ae, b * 2**be) * 2**-oe))`; a remainder by zero is zero.

    The kernel ignores ONNX's attribute `fmod`: there is no remainder with the divisor's sign.
    """

    name: ClassVar[str] = "mod"

    def formula(self, a: Array, b: Array) -> Array:
        """Source: ESP-DL `dl/base/dl_base_mod.cpp`; `fmodf` is exact."""
        remainder: Array = np.where(b == 0, np.float32(0), np.fmod(a, b))
        return remainder
