"""Constants whose integers were chosen, as what is added to the nearest ones."""

from __future__ import annotations

import zlib

import numpy as np

from ...chips import Rounding
from ...errors import DataError
from ...onnx_graphs.graph import Array
from ..exponents import integer_limits
from ..qdq import StoredConstant
from .record import Chosen


def chosen_integers(
    stored: StoredConstant, float_: Array, value: Array, rounding: Rounding
) -> Chosen:
    """How the integers of `value` differ from those nearest to the float constant."""
    offsets = stored.integers(value, rounding) - stored.integers(float_, rounding)
    largest = int(np.abs(offsets).max(initial=0))
    dtype = next(d for d in (np.int8, np.int16, np.int32) if largest <= np.iinfo(d).max)
    return Chosen(_check(stored, float_), offsets.reshape(-1).astype(dtype))


def restored_values(
    chosen: Chosen, stored: StoredConstant, float_: Array, rounding: Rounding, where: str
) -> Array:
    """Floats, float64 in the constant's shape, that have the chosen integers.

    Raises DataError if they were chosen for other floats or exponents.
    """
    nearest = stored.integers(float_, rounding)
    if chosen.offsets.size != nearest.size or chosen.check != _check(stored, float_):
        raise DataError(
            "the integers were chosen for other numbers or exponents",
            where=where,
            found=f"{chosen.offsets.size} integers, check {chosen.check}",
            allowed=f"{nearest.size} integers, check {_check(stored, float_)}",
            try_="take the entry out of 'integers' to round to the nearest, or quantize again",
        )
    integers = nearest + chosen.offsets.reshape(nearest.shape)
    lowest, highest = integer_limits(stored.limit)
    if integers.size and (integers.min() < lowest or integers.max() > highest):
        raise DataError(
            "integers that the chip cannot hold",
            where=where,
            found=f"{integers.min()} to {integers.max()}",
            allowed=f"{lowest} to {highest}",
            try_="quantize again, with --save_exponents",
        )
    return np.ldexp(integers.astype(np.float64), stored.spread(integers.ndim))


def _check(stored: StoredConstant, float_: Array) -> str:
    crc = zlib.crc32(np.ascontiguousarray(float_, dtype="<f8").tobytes())
    crc = zlib.crc32(np.ascontiguousarray(stored.exponents, dtype="<i8").tobytes(), crc)
    return f"{zlib.crc32(bytes([stored.bits, stored.limit]), crc):08x}"
