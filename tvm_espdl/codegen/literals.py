"""Prints constant arrays and descriptors of C calls as definitions in C99, always the same way.

It writes what a `CCall` says; it never computes, rounds or packs a value.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..ops.base.ccall import CCall, FieldValue

Array = npt.NDArray[Any]

ALIGNMENT = 16
LINE_LENGTH = 100
INDENT = "  "

_C_TYPES = {
    "int8": "int8_t",
    "uint8": "uint8_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "int64": "int64_t",
    "uint16": "uint16_t",
    "uint32": "uint32_t",
    "uint64": "uint64_t",
    "float32": "float",
    "float64": "double",
    "bool": "bool",
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
    """A constant array, aligned for vector loads.

    The elements behind the last one are zeros, which C fills in itself.

    Parameters
    ----------
    name : str
        Name of the array in C.
    array : numpy.ndarray
        Any shape, written in C order.
    over_read : int
        Bytes that a kernel may read beyond the array's end, rounded up to 16 bytes.
    static : bool
        Whether only the file that holds the array sees it.
    """
    length = array_length(array, over_read)
    lines = _lines(_texts(array)) or [f"{INDENT}0,"]
    kind = f"{'static ' if static else ''}const ESPDL_ALIGNED({ALIGNMENT})"
    head = f"{kind} {c_type(str(array.dtype))} {name}[{length}] = {{"
    return "\n".join([head, *lines, "};", ""])


def descriptor_definition(name: str, call: CCall, array_names: Mapping[str, str]) -> str:
    """The constant descriptor of a call, one member a line.

    Parameters
    ----------
    name : str
        Name of the descriptor in C.
    call : CCall
        The call; pointers that it has no array for are left to C, which makes them NULL.
    array_names : dict of str to str
        Name of the C array for each pointer member in `call.arrays`.
    """
    members = [f"{INDENT}.{member} = {_value(value)}," for member, value in call.fields.items()]
    members += [f"{INDENT}.{member} = {array_names[member]}," for member in call.arrays]
    head = f"static const {call.descriptor} {name} = {{"
    return "\n".join([head, *members, "};", ""])


def kernel_source(function: str) -> str:
    """File of `runtime/c` that defines a kernel: its name without the endings for types."""
    name = function
    while name.rpartition("_")[2] in ("s8", "s16", "f32"):
        name = name.rpartition("_")[0]
    return f"{name}.c"


def float_literal(value: float, dtype: str = "float32") -> str:
    """A constant of float32 or float64 that C reads back as the same bits."""
    if math.isnan(value):
        return _nan_text(np.array(value, dtype))
    return _float_text(float(np.float32(value))) if dtype == "float32" else _double_text(value)


def _float_text(single: float) -> str:
    if math.isinf(single):
        return "INFINITY" if single > 0 else "-INFINITY"
    digits = f"{single:.9g}"
    return f"{digits}f" if "." in digits or "e" in digits else f"{digits}.0f"


def _double_text(value: float) -> str:
    if math.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    return repr(float(value))


def _nan_text(value: Array) -> str:
    """C's own NAN has one pattern of bits; GCC and Clang write the others."""
    kind, payload_bits, suffix = (
        (np.uint32, 22, "f") if value.dtype == np.float32 else (np.uint64, 51, "")
    )
    bits = int(value.view(kind).item())
    sign = "-" if bits >> (8 * value.itemsize - 1) else ""
    payload, quiet = bits & ((1 << payload_bits) - 1), bits >> payload_bits & 1
    if payload == 0 and not sign:
        return "NAN"
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
        text = _float_text if array.dtype == np.float32 else _double_text
        texts = list(map(text, values))
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
    return [
        f"{INDENT}{_joined(texts[first : first + per_line])}"
        for first in range(0, len(texts), per_line)
    ]


def _joined(texts: Iterable[str]) -> str:
    return ",".join(texts) + ","
