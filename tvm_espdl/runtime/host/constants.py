"""Arrays as LLVM IR: read-only data, aligned to 64 bytes, and functions that give their addresses.

The same arrays always give the same text; nothing here ever looks at what the arrays mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...ops.base.rounding import Array

ALIGNMENT = 64
_HEX = np.frombuffer(b"0123456789ABCDEF", np.uint8)
_BYTES = np.arange(256)
# The escape of every byte in LLVM's strings: a backslash and two digits.
_ESCAPES = np.stack([np.full(256, ord("\\"), np.uint8), _HEX[_BYTES >> 4], _HEX[_BYTES & 15]], 1)


def address_function(prefix: str, index: int) -> str:
    """Symbol of the function that returns the address of a constant."""
    return f"{prefix}_constant_address_{index}"


def llvm_ir(prefix: str, arrays: Sequence[Array]) -> str:
    """The module text for `arrays`.

    Parameters
    ----------
    prefix : str
        Beginning of every symbol, so that modules with different prefixes can be linked together.
    """
    lines = []
    for index, array in enumerate(arrays):
        data = np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)
        text = _ESCAPES[data].tobytes().decode("ascii")
        name = f"@{prefix}_constant_{index}"
        lines.append(
            f'{name} = internal constant [{data.size} x i8] c"{text}", align {ALIGNMENT}\n'
            f"define linkonce_odr hidden ptr @{address_function(prefix, index)}() alwaysinline "
            f"{{ ret ptr {name} }}\n"
        )
    return "".join(lines)
