"""requantize: integers from one exponent or width to another."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import (
    Array,
    Elementwise,
    FieldValue,
    ShiftedScales,
    rule,
    saturate,
    shift_and_round,
)

VECTOR_THRESHOLD = 50
MOST_LEFT, MOST_RIGHT = 30, 31


class Requantize(ShiftedScales, Elementwise):
    """`y = saturate(round(x >> (oe - xe)))`; equal exponents only saturate."""

    name = "requantize"
    has_vector_kernel = True
    family = "conversion"

    @property
    def distance(self) -> int:
        """From the input's exponent to the output's."""
        return self.y.uniform_exponent - self.x.uniform_exponent

    @property
    def shift(self) -> int:
        """Right shift from input to output; beyond its limits all is 0, or saturated, anyhow."""
        return min(max(self.distance, -MOST_LEFT), MOST_RIGHT)

    def makes_scales(self, chip: Chip) -> bool:
        """Where exponents differ, in plain C++: without vectors, or with few elements."""
        return self.shift != 0 and not (chip.vector_bytes and self.y.size > VECTOR_THRESHOLD)

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/base/dl_base_requantize_linear.cpp`."""
        x = arrays[0].astype(np.int64)
        return saturate(shift_and_round(x, self.shift, chip), self.y.dtype)

    @property
    def suffix(self) -> str:
        """Both types."""
        return f"{self.x.suffix}_{self.y.suffix}"

    @property
    def in_place(self) -> tuple[int, ...]:
        """The input, where the result is of its type."""
        return (0,) if self.x.dtype == self.y.dtype else ()

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """Size, shift, and the chip's rounding."""
        rounding = int(chip.rounding == "half_even")
        return {"size": self.y.size, "shift": self.shift, "half_even": rounding}

    @rule(
        allowed=f"shifts from -{MOST_LEFT} to {MOST_RIGHT}",
        fix="bring the exponents closer together",
        otherwise="portable",
    )
    def shift_is_defined(self, chip: Chip) -> str | None:
        """Integers are shifted right by at most 31 bits, or left by at most 30."""
        return None if self.shift == self.distance else f"shift {self.distance}"

    @rule(
        allowed="a size with no remainder of 8 after sixteens",
        fix="pad the channels",
        otherwise="portable",
    )
    def widening_size_is_whole(self, chip: Chip) -> str | None:
        """From int8 to int16 on chips with vectors, more than 50 elements are not 8 modulo 16.

        ESP-DL v3.3.9 leaves the last 8 results unwritten.
        """
        widens = (self.x.dtype, self.y.dtype) == ("int8", "int16")
        if chip.vector_bytes and widens and self.y.size > VECTOR_THRESHOLD:
            return f"{self.y.size} elements" if self.y.size % 16 == 8 else None
        return None

    @rule(
        allowed="a smaller left shift",
        fix="bring the exponents closer together",
        otherwise="portable",
    )
    def left_shift_fits_vectors(self, chip: Chip) -> str | None:
        """On the ESP32-S3, more than 50 elements shift left by 6 (int8) or 4 (int16) bits at most.

        The kernel keeps the scale in 8 bits and its sums in 20.
        """
        most = chip.most_left_shift(self.x.dtype, self.y.dtype)
        if most is None or self.y.size <= VECTOR_THRESHOLD:
            return None
        return f"left shift by {-self.shift}" if -self.shift > most else None
