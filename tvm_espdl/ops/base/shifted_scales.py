"""Base of the operators that compute in float32 with scales that the chip makes by shifts.

It is no operator of its own.
"""

from __future__ import annotations

from ...chips import Chip
from .operator import rule
from .unary import Unary

LARGEST_EXPONENT = 30


class ShiftedScales(Unary):
    """A `Unary` that is scaled to real numbers and back."""

    @rule(
        allowed=f"-{LARGEST_EXPONENT} to {LARGEST_EXPONENT}",
        fix="quantize with a scale nearer to 1",
    )
    def exponents_fit_shifts(self, chip: Chip) -> str | None:
        """Both exponents are within -30 to 30, for the chip makes its scales by 32-bit shifts."""
        exponents = (self.x.uniform_exponent, self.y.uniform_exponent)
        fits = max(map(abs, exponents)) <= LARGEST_EXPONENT
        return None if fits else f"exponents {exponents[0]} and {exponents[1]}"
