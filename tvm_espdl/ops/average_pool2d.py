"""average_pool2d: mean of each window, global or not; the divisor is always the whole kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..chips import Chip
from .base.ccall import CCall
from .base.operator import rule
from .base.pool import Pool
from .base.rounding import Array, power_of_two, round_float, saturate
from .base.unary import suffix
from .base.window import patches


@dataclass(frozen=True)
class AveragePool2d(Pool):
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
        windows = patches(
            arrays[0].reshape(self.image.shape), self.kernel, self.pads, self.strides, (1, 1)
        )
        sums = windows.astype(np.int64).sum(axis=(2, 3))
        y = saturate(round_float(sums.astype(np.float32) * self.factor, chip), self.y.dtype)
        return y.reshape(self.y.shape)

    def call(self, chip: Chip, *constants: Array) -> CCall:
        """`espdl_average_pool2d_s8` or `_s16`."""
        return CCall(
            function=f"espdl_average_pool2d_{suffix(self.x)}",
            descriptor="espdl_pool_t",
            fields={
                **self.window_fields(),
                "factor": float(self.factor),
                "half_even": int(chip.rounding == "half_even"),
            },
        )

    @rule(allowed="count_include_pad=1, or no padding", fix="export with count_include_pad=1")
    def divisor_is_whole_kernel(self, chip: Chip) -> str | None:
        """With padding, the mean divides by the whole kernel also at the border."""
        return None if self.counts_padding or not any(self.pads) else f"pads {self.pads}"
