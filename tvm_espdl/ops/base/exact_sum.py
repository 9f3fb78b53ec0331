"""Base of the reductions that sum integers exactly and shift the sum. No operator of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...chips import Chip
from .ccall import FieldValue
from .operator import rule
from .reduction import Reduction
from .rounding import Array, saturate, shift_and_round


@dataclass(frozen=True)
class ExactSum(Reduction):
    """`y = saturate(round(sum(term(x)) >> shift))`, the sum exact."""

    term_bits: ClassVar[int] = 7

    @property
    def shift(self) -> int:
        """Right shift from the sum to y."""
        return self.y.uniform_exponent - self.x.uniform_exponent

    def term(self, x: Array) -> Array:
        """What is summed, from int64 elements."""
        return x

    def combined(self, lines: Array, chip: Chip) -> Array:
        """Source: ESP-DL `dl/tool/src/dl_tool.cpp`, `shift_and_round` of the sum."""
        total = self.term(lines.astype(np.int64)).sum(axis=0)
        return saturate(shift_and_round(total, self.shift, chip), self.y.dtype)

    def parameters(self) -> dict[str, FieldValue]:
        """The shift."""
        return {"shift": self.shift}

    @rule(allowed="shifts from -31 to 30", fix="bring the exponents closer together")
    def shift_is_defined(self, chip: Chip) -> str | None:
        """The sum is shifted right by at most 30 bits, or left by at most 31."""
        return None if -31 <= self.shift <= 30 else f"shift {self.shift}"
