"""The square root as ESP-DL finds it where it does not call the C library's.

Source: ESP-DL `dl/math/include/dl_math.hpp`, `sqrt_newton`. Nothing here knows about operators.
"""

from __future__ import annotations

import numpy as np

from .rounding import Array

NEWTON_ENDS = 1e-5


def newton_root(values: Array) -> Array:
    """Square roots of positive float32 values as ESP-DL's `math::sqrt_newton` finds them."""
    result = values.copy()
    active = values != 0
    while active.any():
        last = result.copy()
        with np.errstate(divide="ignore", invalid="ignore"):
            step = (last + values / last) * np.float32(0.5)
        result = np.where(active, step, last)
        active = active & (np.abs(result - last) > np.float32(NEWTON_ENDS))
    return result
