"""Power-of-two scales: the exponent that a range of values needs, and integers at an exponent.

Must never know of graphs or files: numbers in, numbers out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..chips import Rounding

Floats = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.int64]

#: 2^e and 2^-e are exact in the chips' float32 code for exponents within these limits.
LOWEST_EXPONENT, HIGHEST_EXPONENT = -30, 30

#: The exponent of a tensor that is zero everywhere: the int8 range then covers -1 to 127/128.
EXPONENT_OF_ZERO = -7


def round_to_integer(values: Floats, rounding: Rounding) -> Floats:
    """Round to whole numbers as the chip does: ties up (`half_up`) or to even (`half_even`).

    In float64, so that no value meets a tie it does not have.
    """
    wide = np.asarray(values, dtype=np.float64)
    return np.floor(wide + 0.5) if rounding == "half_up" else np.rint(wide)


def integer_limits(bits: int) -> tuple[int, int]:
    """The smallest and the largest integer of `bits` bits in two's complement."""
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


def smallest_exponent(low: float, high: float, bits: int, rounding: Rounding) -> int:
    """Find the finest scale 2^e at which no value between `low` and `high` saturates.

    That is the smallest e with round(low / 2^e) >= -2^(bits-1) and round(high / 2^e) <=
    2^(bits-1) - 1, not below `LOWEST_EXPONENT`; `EXPONENT_OF_ZERO` if both are zero. It may lie
    above `HIGHEST_EXPONENT`, which the caller has to refuse. The rounding decides about values on a
    tie next to the limit.
    """
    return int(smallest_exponents(np.array([low]), np.array([high]), bits, rounding)[0])


def quantize(
    values: Floats,
    exponent: int | npt.NDArray[np.int64],
    bits: int,
    rounding: Rounding,
) -> Integers:
    """Integers of `values` at scale 2^exponent, rounded as the chip does and saturated to `bits`.

    There is one exponent, or an array that broadcasts against the values; int64 in their shape.
    """
    lowest, highest = integer_limits(bits)
    scaled = np.ldexp(np.asarray(values, dtype=np.float64), -np.asarray(exponent, dtype=np.int64))
    return np.clip(round_to_integer(scaled, rounding), lowest, highest).astype(np.int64)


def held_values(
    values: Floats, exponent: int | Integers, bits: int, rounding: Rounding
) -> npt.NDArray[np.float64]:
    """What the integers of `values` at scale 2^exponent stand for; see `quantize`."""
    integers = quantize(values, exponent, bits, rounding).astype(np.float64)
    return np.asarray(np.ldexp(integers, exponent))


def channel_exponents(channels: Floats, bits: int, rounding: Rounding) -> Integers:
    """The smallest exponent of each row of `channels` (C, ...): int64 (C,).

    A row of zeros takes the smallest exponent of the others: any would do, and a larger one could
    force the layer's output to a coarser scale.
    """
    rows = channels.reshape(channels.shape[0], -1)
    low, high = rows.min(axis=1), rows.max(axis=1)
    exponents = smallest_exponents(low, high, bits, rounding)
    used = (low != 0) | (high != 0)
    if used.any():
        exponents[~used] = exponents[used].min()
    return exponents


def smallest_exponents(low: Floats, high: Floats, bits: int, rounding: Rounding) -> Integers:
    """`smallest_exponent` of N finite ranges at once: from (N,) and (N,) to int64 (N,)."""
    low, high = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    largest = np.maximum(np.abs(low), np.abs(high))
    lowest, highest = integer_limits(bits)
    # largest = m * 2^k with m in [0.5, 1): at k - bits - 1 it is at least 2^bits and never fits.
    exponents = np.maximum(np.frexp(largest)[1].astype(np.int64) - bits, LOWEST_EXPONENT)
    growing = largest > 0
    while growing.any():
        ends = [round_to_integer(np.ldexp(end, -exponents), rounding) for end in (low, high)]
        growing &= (ends[0] < lowest) | (ends[1] > highest)
        exponents += growing
    exponents[largest == 0] = EXPONENT_OF_ZERO
    return exponents
