"""max_pool2d: largest value of each window inside the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..chips import Chip
from .base.ccall import CCall
from .base.pool import Pool
from .base.rounding import Array
from .base.unary import SameExponent, suffix
from .base.window import patches


@dataclass(frozen=True)
class MaxPool2d(SameExponent, Pool):
    """`y = max(window)`; padding never wins."""

    name = "max_pool2d"

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/base/dl_base_max_pool2d.cpp`; exponents are not read."""
        lowest = int(np.iinfo(self.x.dtype).min)
        windows = patches(
            arrays[0].reshape(self.image.shape),
            self.kernel,
            self.pads,
            self.strides,
            (1, 1),
            fill=lowest,
        )
        return windows.max(axis=(2, 3)).reshape(self.y.shape)

    def call(self, chip: Chip, *constants: Array) -> CCall:
        """`espdl_max_pool2d_s8` or `_s16`."""
        return CCall(
            function=f"espdl_max_pool2d_{suffix(self.x)}",
            descriptor="espdl_pool_t",
            fields={**self.window_fields(), "factor": 0.0, "half_even": 0},
        )
