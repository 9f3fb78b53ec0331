"""How the chips round, shift and saturate, in NumPy.

Sources: ESP-DL `dl/tool/include/dl_tool.hpp` and `dl/tool/src/dl_tool.cpp`. Nothing here knows
about operators.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ...chips import Chip

Array = npt.NDArray[Any]


def saturate(values: Array, dtype: str) -> Array:
    """Clamp integers or rounded floats to the range of `dtype` and convert; NaN gives the maximum.

    The conversions of the chips saturate and turn NaN into the largest integer.
    """
    limits = np.iinfo(dtype)
    if np.issubdtype(values.dtype, np.floating):
        values = np.where(np.isnan(values), np.float64(limits.max), values)
    return np.clip(values, limits.min, limits.max).astype(dtype)


def shift_and_round(values: Array, shift: int | Array, chip: Chip) -> Array:
    """`values / 2**shift` rounded as the chip does; int64 in, int64 out (`tool::shift_and_round`).

    Ties go up on half-up chips and to the even integer on half-even ones. A shift of zero or
    less multiplies; the caller saturates.
    """
    values = np.asarray(values, np.int64)
    shift = np.broadcast_to(np.asarray(shift, np.int64), values.shape)
    right = np.clip(shift, 0, 62)
    half = np.where(right > 0, np.int64(1) << np.maximum(right - 1, 0), 0)
    floor = values >> right
    remainder = values - (floor << right)
    if chip.rounding == "half_up":
        up = (remainder >= half) & (right > 0)
    else:
        up = (remainder > half) | ((remainder == half) & (right > 0) & (floor & 1 == 1))
    return np.where(shift > 0, floor + up, shift_left(values, np.maximum(-shift, 0)))


def shift_left(values: Array, shift: Array) -> Array:
    """`values * 2**shift` in int64, saturated to int64 where it does not fit."""
    limits = np.iinfo(np.int64)
    wide = np.minimum(shift, 62)
    fits = (np.abs(values.astype(np.float64)) * 2.0**wide < 2.0**62) & (shift <= 62)
    saturated = np.where(values > 0, limits.max, np.where(values < 0, limits.min, 0))
    return np.where(fits, np.where(fits, values, 0) << wide, saturated)


def round_float(values: Array, chip: Chip) -> Array:
    """Round float32 to the nearest integer as `tool::round(float)` does; float32 in and out.

    Half-up chips add 0.5 in double precision and round that sum to float32 before the floor, so
    that 0.49999997 gives 1.
    """
    values = np.asarray(values, np.float32)
    if chip.rounding == "half_even":
        return np.rint(values)
    return np.floor((values.astype(np.float64) + 0.5).astype(np.float32))


def power_of_two(exponent: int) -> np.float32:
    """`2**exponent` as float32 (`DL_SCALE`), exact for exponents of -126 to 127."""
    return np.float32(np.ldexp(np.float32(1.0), exponent))


def wrap(values: Array, bits: int) -> Array:
    """Keep the low `bits` of int64 values, read as two's complement."""
    if bits >= 64:
        return values.astype(np.int64)
    unused = np.int64(64 - bits)
    return (values.astype(np.int64) << unused) >> unused
