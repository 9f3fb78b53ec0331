"""Prints constant arrays and descriptors of C calls as definitions in C99, always the same way.

It writes what a `CCall` says; it never computes, rounds or packs a value.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np

from ..ops.base.ccall import CCall, FieldValue
from ..ops.base.rounding import Array

ALIGNMENT = 16
LINE_LENGTH = 100
INDENT = "  "

_C_TYPES = {
    **{f"{kind}{bits}": f"{kind}{bits}_t" for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
    **{"float32": "float", "float64": "double", "bool": "bool"},
}


# C has no negative literals: the magnitude of the smallest integers does not fit their type.
_SMALLEST = {-(1 << 31): "INT32_MIN", -(1 << 63): "INT64_MIN"}


def c_type(dtype: str) -> str:
    """The C type of one element.

    Raises
    ------
    ValueError
        If C constants of this dtype are not supported.
    """
    if dtype not in _C_TYPES:
        raise ValueError(f"no C constants of dtype {dtype}")
    return _C_TYPES[dtype]


def c_types() -> Collection[str]:
    """All types that `c_type` knows."""
    return _C_TYPES.values()


def array_length(array: Array, over_read: int) -> int:
    """Elements of an array's definition, with the bytes that kernels may read behind it."""
    nbytes = -(-array.nbytes // ALIGNMENT) * ALIGNMENT + over_read
    return -(-nbytes // array.itemsize)


def array_definition(name: str, array: Array, over_read: int, *, static: bool = True) -> str:
    """A constant array of any shape in C order, aligned for vector loads.

    The elements behind the last one are zeros, which C fills in itself: a kernel may read
    `over_read` bytes beyond the array's end, rounded up to 16 bytes. Only the file that holds a
    `static` one sees it.
    """
    length = array_length(array, over_read)
    lines = _lines(_texts(array)) or [f"{INDENT}0,"]
    kind = f"{'static ' if static else ''}const ESPDL_ALIGNED({ALIGNMENT})"
    head = f"{kind} {c_type(str(array.dtype))} {name}[{length}] = {{"
    return "\n".join([head, *lines, "};", ""])


def descriptor_definition(name: str, call: CCall, array_names: Mapping[str, str]) -> str:
    """The constant descriptor of a call, one member a line.

    `array_names` has the C array of each pointer member in `call.arrays`; pointers without one are
    left to C, which makes them NULL.
    """
    members = [f"{INDENT}.{member} = {_value(value)}," for member, value in call.fields.items()]
    members += [f"{INDENT}.{member} = {array_names[member]}," for member in call.arrays]
    head = f"static const {call.descriptor} {name} = {{"
    return "\n".join([head, *members, "};", ""])


def kernel_source(function: str) -> str:
    """File of `runtime/c` that defines a kernel: its name without the endings for types."""
    while function.endswith(("_s8", "_s16", "_f32")):
        function = function.rpartition("_")[0]
    return f"{function}.c"


def float_literal(value: float, dtype: str = "float32") -> str:
    """A constant of float32 or float64 that C reads back as the same bits."""
    rounded = np.array(value, dtype)
    return _nan_text(rounded) if math.isnan(value) else _float_text(rounded.item(), dtype)


# Those of math.h are float.
_WIDENED = {"float32": "", "float64": "(double)"}


def _float_text(value: float, dtype: str) -> str:
    if math.isinf(value):
        return f"{'' if value > 0 else '-'}{_WIDENED[dtype]}INFINITY"
    if dtype == "float64":
        return repr(value)
    digits = f"{value:.9g}"
    return f"{digits}f" if "." in digits or "e" in digits else f"{digits}.0f"


def _nan_text(value: Array) -> str:
    """C's own NAN has one pattern of bits; GCC and Clang write the others."""
    kind, payload_bits, suffix = (
        (np.uint32, 22, "f") if value.dtype == np.float32 else (np.uint64, 51, "")
    )
    bits = int(value.view(kind).item())
    sign = "-" if bits >> (8 * value.itemsize - 1) else ""
    payload, quiet = bits & ((1 << payload_bits) - 1), bits >> payload_bits & 1
    if payload == 0 and not sign:
        return f"{_WIDENED[str(value.dtype)]}NAN"
    return f'{sign}__builtin_nan{"" if quiet else "s"}{suffix}("{payload:#x}")'


def integer_literal(value: int, dtype: str) -> str:
    """An integer constant of at least this type, which decides the type of what it is part of."""
    if dtype == "bool":
        return "true" if value else "false"
    suffix = {"int64": "LL", "uint32": "U", "uint64": "ULL"}.get(dtype, "")
    return _SMALLEST.get(value, f"{value}{suffix}")


def _integer_literal(value: int) -> str:
    if -(1 << 31) < value < 1 << 31:
        return str(value)
    return _SMALLEST.get(value, f"{value}LL" if value < 1 << 63 else f"{value}ULL")


def _value(value: FieldValue) -> str:
    if isinstance(value, tuple):
        return "{" + ", ".join(_integer_literal(one) for one in value) + "}"
    if isinstance(value, float):
        return float_literal(value)
    return value if isinstance(value, str) else _integer_literal(value)


def _texts(array: Array) -> list[str]:
    values = (array.astype(np.uint8) if array.dtype == np.bool_ else array).ravel().tolist()
    if array.dtype in (np.float32, np.float64):
        texts = [_float_text(value, str(array.dtype)) for value in values]
        # A NaN changes its bits on the way through a Python float.
        for index in np.flatnonzero(np.isnan(array)):
            texts[index] = _nan_text(array.reshape(-1)[index : index + 1])
        return texts
    if array.itemsize <= 2:
        return list(map(str, values))
    return [_integer_literal(value) for value in values]


def _lines(texts: list[str]) -> list[str]:
    """As many values to a line as fit for the widest one: columns that megabytes print fast in."""
    if not texts:
        return []
    width = max(map(len, texts)) + 1
    per_line = (LINE_LENGTH - len(INDENT)) // width
    starts = range(0, len(texts), per_line)
    return [f"{INDENT}{','.join(texts[first : first + per_line])}," for first in starts]
