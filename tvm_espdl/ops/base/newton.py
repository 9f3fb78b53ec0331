"""The square root as ESP-DL finds it where it does not call the C library's.

Source: ESP-DL `dl/math/include/dl_math.hpp`, `sqrt_newton`. Nothing here knows about operators.
"""

from __future__ import annotations

import numpy as np

from .rounding import Array

NEWTON_ENDS = 1e-5  # two steps that are this close end the search
MOST_STEPS = 64  # more than any root needs that the rules allow


def newton_root(values: Array) -> Array:
    """Square roots of float32 values that are not negative, as `math::sqrt_newton` finds them.

    From the number itself, the mean of the last value and the quotient, until two are close.
    """
    result = values.copy()
    searched = values != 0
    for _ in range(MOST_STEPS):
        last = result[searched]
        if not last.size:
            break
        result[searched] = (last + values[searched] / last) * np.float32(0.5)
        searched[searched] = np.abs(result[searched] - last) > np.float32(NEWTON_ENDS)
    return result
