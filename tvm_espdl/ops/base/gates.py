"""What recurrent layers compute their gates with: dot products to int16, tables of float32.

No operator of its own. Source: ESP-DL `dl/base/dl_base_dotprod.cpp`, its assembly under
`dl/base/isa`, and `dl/math/include/dl_math.hpp` (`SigmoidLUT`, `TanhLUT`).
"""

from __future__ import annotations

from functools import cache

import numpy as np

from ...chips import Chip
from .rounding import Array, power_of_two, round_float, saturate, shift_and_round, wrap

SIGMOID_LIMIT = 6.3
TANH_LIMIT = 3.5


def in_vectors(chip: Chip, dtype: str, length: int, shift: int) -> bool:
    """Whether a dot product runs in the chip's vector unit, which shifts integers.

    All others multiply the sum by a power of two in float32 and round that.
    """
    return chip.vector_bytes > 0 and length % chip.lanes(dtype) == 0 and shift >= 0


def dot_products(matrix: Array, vector: Array, shift: int, chip: Chip) -> Array:
    """`saturate(round(matrix @ vector * 2**-shift))` to int16, as int64.

    Parameters
    ----------
    matrix : numpy.ndarray
        `(rows, length)`, int8 or int16.
    vector : numpy.ndarray
        `(length,)`, of the same type.
    """
    sums = matrix.astype(np.int64) @ vector.astype(np.int64)
    if in_vectors(chip, str(matrix.dtype), vector.size, shift):
        rounded = shift_and_round(sums, shift, chip)
    else:
        rounded = round_float(sums.astype(np.float32) * power_of_two(-shift), chip)
    return saturate(rounded, "int16").astype(np.int64)


def wrapped(values: Array) -> Array:
    """Sums of int16 as the chip keeps them: their low 16 bits."""
    return wrap(values, 16)


@cache
def sigmoid_table(exponent: int) -> Array:
    """`sigmoid(i * 2**exponent)` for i from 0 to just behind 6.3, float32; read only."""
    return _fixed(_sigmoid(_points(exponent, SIGMOID_LIMIT)))


@cache
def tanh_table(exponent: int) -> Array:
    """`tanh(i * 2**exponent)`, as `2 * sigmoid(2 * x) - 1`, for i from 0 to just behind 3.5."""
    two = np.float32(2)
    return _fixed(two * _sigmoid(two * _points(exponent, TANH_LIMIT)) - np.float32(1))


def entries(exponent: int, limit: float) -> int:
    """Length of a table."""
    return int(np.float32(limit) / power_of_two(exponent)) + 2


def sigmoid_of(table: Array, index: Array) -> Array:
    """Sigmoid of integers at the table's exponent; the table's end stands for all beyond."""
    found = table[np.minimum(np.abs(index), table.size - 1)]
    return np.where(index < 0, np.float32(1) - found, found)


def tanh_of(table: Array, index: Array) -> Array:
    """Tanh of integers at the table's exponent; the table's end stands for all beyond."""
    found = table[np.minimum(np.abs(index), table.size - 1)]
    return np.where(index < 0, -found, found)


def _fixed(table: Array) -> Array:
    table.flags.writeable = False
    return table


def _points(exponent: int, limit: float) -> Array:
    return np.arange(entries(exponent, limit)).astype(np.float32) * power_of_two(exponent)


def _sigmoid(x: Array) -> Array:
    """`float(1.0 / (1.0 + expf(-x)))`, the division in double precision."""
    power = np.exp(-x.astype(np.float64)).astype(np.float32)
    return (1.0 / (1.0 + power.astype(np.float64))).astype(np.float32)
