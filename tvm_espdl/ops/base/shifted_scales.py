"""Base of the operators that compute with scales made by shifts. None is an operator of its own.

Source: ESP-DL `dl/dl_define.hpp`, `DL_SCALE` and `DL_RESCALE`: `1 << exponent` of 32 bits.
"""

from __future__ import annotations

from ...chips import Chip
from .operator import Operator, rule

LARGEST_EXPONENT = 30


class ShiftedScales(Operator):
    """An operator that computes in float32 with scales that the chip makes by shifts."""

    def makes_scales(self, chip: Chip) -> bool:
        """Whether the chip does so with these tensors; always, unless an operator says when."""
        return True

    @rule(
        allowed=f"-{LARGEST_EXPONENT} to {LARGEST_EXPONENT}",
        fix="quantize with a scale nearer to 1",
        otherwise="portable",
    )
    def exponents_fit_shifts(self, chip: Chip) -> str | None:
        """All exponents are within -30 to 30, for the chip makes its scales by 32-bit shifts."""
        if not self.makes_scales(chip):
            return None
        tensors = (*self.inputs, *self.constants, self.output)
        exponents = [t.exponent for t in tensors if isinstance(t.exponent, int)]
        fits = all(abs(exponent) <= LARGEST_EXPONENT for exponent in exponents)
        return None if fits else f"exponents {', '.join(map(str, exponents))}"
