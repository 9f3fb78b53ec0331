"""max_pool2d: largest value of each window inside the image."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import Array, FieldValue, Pool, SameExponent


class MaxPool2d(SameExponent, Pool):
    """`y = max(window)`; padding never wins."""

    name = "max_pool2d"
    has_vector_kernel = True

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/base/dl_base_max_pool2d.cpp`; exponents are not read."""
        lowest = int(np.iinfo(self.x.dtype).min)
        return self.windows(arrays[0], lowest).max(axis=(2, 3)).reshape(self.y.shape)

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """The window alone."""
        return {**self.window_fields(), "factor": 0.0, "half_even": 0}
