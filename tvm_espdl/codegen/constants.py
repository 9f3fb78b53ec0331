"""The read-only arrays of a network: each is defined once, and all who need its bytes name it.

It prints arrays as they are; none is computed, rounded or packed here.
"""

from __future__ import annotations

from ..ops.base.rounding import Array
from .header import NOTICE
from .literals import array_definition, array_length, c_type

_Key = tuple[str, int, bytes]


class Constants:
    """Collects arrays for `default_lib0.c` and declares them in `default_constants.h`."""

    def __init__(self) -> None:
        self._names: dict[_Key, str] = {}
        self._declarations: list[str] = []
        self._definitions: list[str] = []
        #: Bytes of read-only data so far.
        self.nbytes = 0

    def add(self, name: str, array: Array, over_read: int) -> str:
        """The C name of an array: of an earlier one where type, length and bytes are equal.

        The array has any shape; a kernel may read `over_read` bytes beyond its end.
        """
        length, kind = array_length(array, over_read), c_type(str(array.dtype))
        key = (kind, length, array.tobytes())
        if key not in self._names:
            self._names[key] = name
            self._definitions.append(array_definition(name, array, over_read, static=False))
            self._declarations.append(f"extern const {kind} {name}[{length}];")
            self.nbytes += length * array.itemsize
        return self._names[key]

    def header(self) -> str:
        """The whole of `default_constants.h`."""
        lines = ["#ifndef DEFAULT_CONSTANTS_H", "#define DEFAULT_CONSTANTS_H", ""]
        lines += ["#include <stdbool.h>", "#include <stdint.h>", "", *self._declarations]
        return NOTICE + "\n".join([*lines, "", "#endif", ""])

    def definitions(self) -> str:
        """The whole of `default_lib0.c`."""
        includes = '#include "default_constants.h"\n#include "espdl_kernels.h"\n#include <math.h>\n'
        return "\n".join([NOTICE + includes, *self._definitions])
