"""Base of the operators that move elements and never change them. No operator of its own."""

from __future__ import annotations

from dataclasses import dataclass

from ...chips import Chip
from .operator import rule
from .unary import OneType


@dataclass(frozen=True)
class Moved(OneType):
    """One tensor in, the same elements out."""

    @rule(allowed="one exponent for input and output", fix="requantize the output")
    def exponents_are_equal(self, chip: Chip) -> str | None:
        """Input and output have the same exponent: the elements are copied as they are."""
        if self.x.exponent == self.y.exponent:
            return None
        return f"exponents {self.x.exponent} and {self.y.exponent}"
