"""Rounding, shifting, saturating as TIR expressions: on each chip the bits of `ops.base.rounding`.

Every function takes and returns scalar expressions and emits no statement; none may let a signed
sum overflow, for LLVM assumes that it does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from tvm import tirx
from tvm.tirx.script import builder as T

from ...chips import Chip
from .kernel import Expression

LARGEST_INT32_SHIFT = 30  # a remainder plus one still fits 32 bits
LARGEST_RIGHT_SHIFT = 62
_LOG2_E = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 0.69314718036912381649, 1.9082149292705877e-10  # products with `power` exact
_TERMS = 13
LARGEST_LEFT_SHIFT = 16  # takes every int16 but 0 out of range, and fits 32 bits


def once(value: Expression, use: Callable[[Expression], Expression]) -> Expression:
    """`use(value)` with the value computed once.

    Expressions are trees: one that is used twice is written out twice, and so is every part of it.
    """
    variable = tirx.Var("once", value.ty.dtype)
    return tirx.Let(variable, value, use(variable))


def clamp(value: Expression, lowest: Any, highest: Any) -> Expression:
    """A number limited to a range."""
    return T.max(T.min(value, highest), lowest)


def saturate(value: Expression, dtype: str) -> Expression:
    """An integer limited to the range of `dtype` and converted to it."""
    limits = np.iinfo(dtype)
    return T.cast(clamp(value, int(limits.min), int(limits.max)), dtype)


def shift_and_round(value: Expression, shift: int | Expression, chip: Chip) -> Expression:
    """`value / 2**shift` for shifts of 0 to 62 (30 for int32), rounded as `chip` does."""
    one = T.cast(1, value.ty.dtype)
    if not isinstance(shift, int):
        shift = T.cast(shift, value.ty.dtype)
    floor = value >> shift
    half = (one << shift) >> 1
    if chip.rounding == "half_up":
        # The bit below the result, instead of a sum that could overflow.
        return floor + T.Select((value & half) != 0, one, one * 0)
    remainder = value & ((one << shift) - 1)
    # A half of at least 1 keeps a shift by 0 from rounding odd values up.
    return floor + T.Select(remainder + (floor & 1) > T.max(half, 1), one, one * 0)


def rescale(
    value: Expression,
    shifts: tuple[int, ...],
    dtype: str,
    chip: Chip,
    *,
    channel: Expression = None,
    relu: bool = False,
) -> Expression:
    """Shift an integer to the output's exponent, apply ReLU, saturate: `ops.accumulate.finish`.

    Parameters
    ----------
    value : expression
        int32 or int64.
    shifts : tuple of int
        All right shifts that occur; negative ones shift left.
    channel : expression
        The shift of this value, where `shifts` are not all the same.
    """
    if max(shifts) > LARGEST_INT32_SHIFT:
        value = T.cast(value, "int64")
    shift = shifts[0] if len(set(shifts)) == 1 else channel
    if isinstance(shift, int):
        right: Any = min(max(shift, 0), LARGEST_RIGHT_SHIFT)
        left: Any = min(max(-shift, 0), LARGEST_LEFT_SHIFT)
    else:
        right = clamp(shift, 0, LARGEST_RIGHT_SHIFT)
        left = clamp(0 - shift, 0, LARGEST_LEFT_SHIFT)
    rounded = shift_and_round(value, right, chip) if max(shifts) > 0 else value
    if min(shifts) < 0:
        # Saturated first, the value cannot overflow, and what it exceeds stays exceeded.
        rounded = T.cast(saturate(rounded, dtype), "int32") << left
    if relu:
        rounded = T.max(rounded, 0)
    return saturate(rounded, dtype)


def round_float(value: Expression, dtype: str, chip: Chip) -> Expression:
    """A float32 rounded as `chip` does, saturated to `dtype`; NaN gives the maximum.

    Limiting comes first: rounding never leaves a range between integers, and the limits between a
    product and the sum keep LLVM from fusing them into one operation with another rounding.
    """
    limits = np.iinfo(dtype)
    highest, lowest = T.float32(float(limits.max)), T.float32(float(limits.min))

    def rounded(limited: Expression) -> Expression:
        if chip.rounding == "half_even":
            return T.cast(T.nearbyint(limited), dtype)
        half_more = T.cast(T.cast(limited, "float64") + T.float64(0.5), "float32")
        return once(half_more, lambda number: _floor(number, dtype))

    def limited_below(value: Expression) -> Expression:
        return once(T.Select(value > lowest, value, lowest), rounded)

    return once(value, lambda v: once(T.Select(v < highest, v, highest), limited_below))


def _floor(value: Expression, dtype: str) -> Expression:
    truncated = T.cast(value, "int32")
    above = T.cast(truncated, "float32") > value
    return T.cast(truncated - T.Select(above, T.int32(1), T.int32(0)), dtype)


def power_of_two(exponent: int) -> Expression:
    """`2**exponent` as a float32 constant."""
    return T.float32(float(np.ldexp(np.float32(1), exponent)))


def unfused(product: Expression) -> Expression:
    """A finite product that LLVM does not fuse with a sum: between them is a limit without effect.

    It would round once instead of twice where the processor can.
    """
    return T.max(product, T.cast(T.float32(float(np.finfo(np.float32).min)), product.ty.dtype))


def exponential(real: Expression) -> Expression:
    """`expf` in double precision, rounded once, as `ops.base.function` says; of no NaN.

    A polynomial, for LLVM computes it in vectors. Of an integer of 17 bits times a power of two,
    which is all that operators ask for, it gives the same float32 as the C library: a test asks
    for each.
    """
    # Beyond these limits the result is 0 or infinite in float32.
    limited = clamp(T.cast(real, "float64"), T.float64(-160), T.float64(160))

    def of_double(x: Expression) -> Expression:
        half = T.Select(x < T.float64(0), T.float64(-0.5), T.float64(0.5))
        power = T.cast(x * T.float64(_LOG2_E) + half, "int32")
        return once(power, lambda k: T.cast(_scaled_exponential(x, k), "float32"))

    return once(limited, of_double)


def _scaled_exponential(x: Expression, power: Expression) -> Expression:
    """`exp(x)` in float64; `power` is `x / log(2)` rounded."""
    times = T.cast(power, "float64")
    rest = x - times * T.float64(_LN2_HIGH) - times * T.float64(_LN2_LOW)
    scale = T.reinterpret("float64", T.cast(power + 1023, "int64") << 52)

    def series(r: Expression) -> Expression:
        total: Expression = T.float64(1 / math.factorial(_TERMS))
        for n in range(_TERMS - 1, -1, -1):
            total = total * r + T.float64(1 / math.factorial(n))
        return total * scale

    return once(rest, series)


def logarithm(real: Expression) -> Expression:
    """`logf` in the same way; NaN of negative numbers."""
    return T.cast(T.log(T.cast(real, "float64")), "float32")


def logistic(real: Expression) -> Expression:
    """`float(1.0 / (1.0 + expf(-x)))`, the division in double precision."""
    one = T.float64(1.0)
    power = T.cast(exponential(T.float32(0.0) - real), "float64")
    return T.cast(one / (one + power), "float32")
