"""Base of the operators that compute with two broadcast inputs in float32. No operator itself.

Each input has its own exponent, and so has the result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...chips import Chip
from .binary import Binary
from .ccall import CCall
from .operator import rule
from .rounding import Array, power_of_two, round_float, saturate
from .shifted_scales import LARGEST_EXPONENT
from .unary import suffix


@dataclass(frozen=True)
class RealBinary(Binary):
    """`y = saturate(round(f(a * 2**ae, b * 2**be) * 2**-oe))`."""

    def formula(self, a: Array, b: Array) -> Array:
        """The function as the chip evaluates it: float32 in, float32 out, both broadcast."""
        raise NotImplementedError

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/base/dl_base_<name>.cpp`, C++ on all chips."""
        a, b = (
            array.astype(np.float32) * power_of_two(tensor.uniform_exponent)
            for array, tensor in zip(arrays, self.inputs, strict=True)
        )
        with np.errstate(all="ignore"):
            scaled = self.formula(a, b) * power_of_two(-self.y.uniform_exponent)
        result = saturate(round_float(scaled, chip), self.y.dtype)
        return np.ascontiguousarray(result.reshape(self.y.shape))

    def call(self, chip: Chip, *constants: Array) -> CCall:
        """`espdl_<name>_s8` or `_s16`."""
        return CCall(
            function=f"espdl_{self.name}_{suffix(self.y)}",
            descriptor="espdl_real_binary_t",
            fields={
                **self.walk(),
                "scale_a": float(power_of_two(self.a.uniform_exponent)),
                "scale_b": float(power_of_two(self.b.uniform_exponent)),
                "scale_y": float(power_of_two(-self.y.uniform_exponent)),
                "half_even": int(chip.rounding == "half_even"),
            },
        )

    @rule(
        allowed=f"-{LARGEST_EXPONENT} to {LARGEST_EXPONENT}",
        fix="quantize with a scale nearer to 1",
    )
    def exponents_fit_shifts(self, chip: Chip) -> str | None:
        """All exponents are within -30 to 30, for the chip makes its scales by 32-bit shifts."""
        exponents = [t.uniform_exponent for t in (self.a, self.b, self.y)]
        return None if max(map(abs, exponents)) <= LARGEST_EXPONENT else f"exponents {exponents}"
