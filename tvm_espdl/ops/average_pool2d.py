"""average_pool2d: mean of each window, global or not; the divisor is always the whole kernel."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import (
    Array,
    FieldValue,
    Pool,
    ShiftedScales,
    power_of_two,
    round_float,
    rule,
    saturate,
)


class AveragePool2d(ShiftedScales, Pool):
    """`y = saturate(round(float32(sum) * k))`, `k = 2**xe * (1 / area) * 2**-oe` in float32.

    Attributes
    ----------
    counts_padding : bool
        Whether the model divides by the whole kernel also at the border (count_include_pad).
    """

    counts_padding: bool = True

    name = "average_pool2d"

    @property
    def factor(self) -> np.float32:
        """The float32 number that a sum is multiplied with."""
        area = np.float32(self.kernel[0] * self.kernel[1])
        mean = power_of_two(self.x.uniform_exponent) * (np.float32(1) / area)
        return np.float32(mean * power_of_two(-self.y.uniform_exponent))

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/base/dl_base_avg_pool2d.cpp` with CONFIG_ACCURATE_INFER = 1."""
        sums = self.windows(arrays[0], 0).astype(np.int64).sum(axis=(2, 3))
        y = saturate(round_float(sums.astype(np.float32) * self.factor, chip), self.y.dtype)
        return y.reshape(self.y.shape)

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """The window, and what its sum is multiplied with and rounded by."""
        rounding = int(chip.rounding == "half_even")
        return {**self.window_fields(), "factor": float(self.factor), "half_even": rounding}

    @rule(allowed="count_include_pad=1, or no padding", fix="export with count_include_pad=1")
    def divisor_is_whole_kernel(self, chip: Chip) -> str | None:
        """With padding, the mean divides by the whole kernel also at the border."""
        return None if self.counts_padding or not any(self.pads) else f"pads {self.pads}"
