"""neg: each value with the other sign, at one exponent; the smallest integer saturates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..chips import Chip
from .base.ccall import CCall
from .base.operator import rule
from .base.rounding import Array, saturate
from .base.unary import Elementwise, OneType, suffix


@dataclass(frozen=True)
class Neg(OneType, Elementwise):
    """`y = saturate(-x)`."""

    name: ClassVar[str] = "neg"

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_neg.hpp`."""
        return saturate(-arrays[0].astype(np.int32), self.y.dtype)

    def call(self, chip: Chip, *constants: Array) -> CCall:
        """`espdl_neg_s8` or `_s16`."""
        return CCall(
            function=f"espdl_neg_{suffix(self.x)}",
            descriptor="espdl_neg_t",
            fields={"size": self.y.size},
        )

    @rule(allowed="one exponent for input and output", fix="requantize the output")
    def exponents_are_equal(self, chip: Chip) -> str | None:
        """Input and output have the same exponent, for the kernel reads neither."""
        if self.x.exponent == self.y.exponent:
            return None
        return f"exponents {self.x.exponent} and {self.y.exponent}"
