"""The read-only arrays of a network: each is defined once, and all who need its bytes name it.

It prints arrays as they are; none is computed, rounded or packed here.
"""

from __future__ import annotations

from ..ops.base.rounding import Array
from .header import NOTICE
from .large_constants import LARGE_BYTES, LargeConstants
from .literals import array_definition, array_length, c_type
from .network_name import NetworkName

_Key = tuple[str, int, bytes]


class Constants:
    """Collects arrays for `<name>_lib0.c`, and large ones for the assembler; declares them all."""

    def __init__(self, network: NetworkName) -> None:
        self.network = network
        self._names: dict[_Key, str] = {}
        self._declarations: list[str] = []
        self._definitions: list[str] = []
        #: Those that C does not define.
        self.large = LargeConstants()
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
            nbytes = length * array.itemsize
            if nbytes >= LARGE_BYTES:
                self.large.add(name, array, nbytes)
            else:
                defined = array_definition(name, array, over_read, static=False)
                self._definitions.append(self.network.own(defined))
            self._declarations.append(f"extern const {kind} {name}[{length}];")
            self.nbytes += nbytes
        return self._names[key]

    def header(self) -> str:
        """The whole of `<name>_constants.h`."""
        guard = f"{self.network.text.upper()}_CONSTANTS_H"
        lines = [f"#ifndef {guard}", f"#define {guard}", ""]
        lines += ["#include <stdbool.h>", "#include <stdint.h>", "", *self._declarations]
        return NOTICE + "\n".join([*lines, "", "#endif", ""])

    def definitions(self) -> str:
        """The whole of `<name>_lib0.c`."""
        own = (self.network.constants_header, self.network.own("espdl_kernels.h"))
        includes = "".join(f'#include "{name}"\n' for name in own) + "#include <math.h>\n"
        return "\n".join([NOTICE + includes, *self._definitions])
