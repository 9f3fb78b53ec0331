"""lut: one result for each input (int8) or for the nearest of some inputs (int16), in a table."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import Elementwise, FieldValue, FloatFunction, OneType, Tensor, rule
from .base.rounding import Array, power_of_two, round_float, saturate, shift_and_round

# Between two entries; the kernel takes any power of two. ESP-PPQ's 256 leaves 8 bits of 16, so that
# the result is no better than in int8; 16 leaves 12 bits, for 8 KiB in place of 0.5.
INT16_STEP = 16


class Lut(OneType, Elementwise):
    """`y = table[x + 128]`; for int16 `y = table[round((x + 32768) / step)]`, not interpolated.

    Attributes
    ----------
    function : str
        What the table holds, for reports.
    step : int
        Inputs between two entries; 1 for int8.
    """

    function: str = ""
    step: int = 1

    name = "lut"
    has_vector_kernel = True
    family = "activation"
    in_place = (0,)

    @property
    def constants(self) -> tuple[Tensor, ...]:
        """The table: 256 entries, for int16 one for each step and one more at the end."""
        entries = 256 if self.x.dtype == "int8" else 65536 // self.step + (self.step > 1)
        return (Tensor(self.y.dtype, (entries,), self.y.exponent),)

    @property
    def shift(self) -> int:
        """Binary logarithm of the step."""
        return self.step.bit_length() - 1

    @property
    def in_esp_dls_form(self) -> bool:
        """Whether ESP-DL has a kernel for the table: not for one with an entry for each int16."""
        return self.x.dtype == "int8" or self.step > 1

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/base/dl_base_lut.cpp`."""
        x, table = arrays
        place = x.astype(np.int64) - np.iinfo(x.dtype).min
        return table[shift_and_round(place, self.shift, chip)]

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """Size, shift, and the chip's rounding."""
        rounding = int(chip.rounding == "half_even")
        return {"size": self.y.size, "shift": self.shift, "half_even": rounding}

    def arrays(self, *constants: Array) -> dict[str, Array]:
        """The table."""
        return {"table": constants[0]}

    @rule(allowed="1 for int8, a power of two up to 32768 for int16", fix="use another step")
    def step_is_power_of_two(self, chip: Chip) -> str | None:
        """A table has an entry for each int8 value, or for every 2**n-th int16 value."""
        largest = 1 if self.x.dtype == "int8" else 32768
        fits = 1 <= self.step <= largest and self.step & (self.step - 1) == 0
        return None if fits else f"a step of {self.step}"


def tabulated(function: FloatFunction) -> Lut:
    """The table lookup that takes the place of a function."""
    step = 1 if function.x.dtype == "int8" else INT16_STEP
    return Lut(function.x, function.y, function.function or function.name, step)


def table_of(function: FloatFunction, chip: Chip) -> Array:
    """The table: the exact function rounded to float32, scaled, then rounded as the chip does."""
    lut, limits = tabulated(function), np.iinfo(function.x.dtype)
    inputs = int(limits.min) + lut.step * np.arange(lut.constants[0].size, dtype=np.float64)
    with np.errstate(all="ignore"):
        real = function.exact(inputs * float(power_of_two(function.x.uniform_exponent)))
        scaled = real.astype(np.float32) * power_of_two(-function.y.uniform_exponent)
    return saturate(round_float(scaled, chip), function.y.dtype)
