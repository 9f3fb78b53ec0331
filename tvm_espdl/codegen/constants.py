"""The read-only arrays of a network: each is defined once, and all who need its bytes name it.

It prints arrays as they are; none is computed, rounded or packed here.
"""

from __future__ import annotations

import hashlib

from ..ops.base.rounding import Array
from .arenas import psram_attribute
from .header import NOTICE
from .large_constants import LARGE_BYTES, LargeConstants
from .literals import ALIGNMENT, array_definition, array_length, c_type
from .memory_choice import Weights
from .network_name import NetworkName

_Key = tuple[str, int, bytes]


class Constants:
    """Collects arrays for `<name>_lib0.c`, and large ones for the assembler; declares them all."""

    def __init__(self, network: NetworkName, weights: Weights = "flash") -> None:
        self.network, self.copied = network, weights == "psram"
        self._names: dict[_Key, str] = {}
        self._declarations: list[str] = []
        self._definitions: list[str] = []
        #: Those that C does not define.
        self.large = LargeConstants()
        #: Bytes of read-only data so far, and their SHA-256.
        self.nbytes = 0
        self.sha256 = hashlib.sha256()

    def add(self, name: str, array: Array, over_read: int) -> str:
        """The C name of an array: of an earlier one where type, length and bytes are equal.

        The array has any shape; a kernel may read `over_read` bytes beyond its end.
        """
        length, kind = array_length(array, over_read), c_type(str(array.dtype))
        key = (kind, length, array.tobytes())
        if key not in self._names:
            self._names[key] = name
            nbytes = length * array.itemsize
            stored = f"{name}_stored" if self.copied else name
            if nbytes >= LARGE_BYTES:
                self.large.add(stored, array, nbytes)
            else:
                defined = array_definition(stored, array, over_read, static=False)
                self._definitions.append(self.network.own(defined))
            if self.copied:
                aligned = self.network.own("ESPDL_ALIGNED")
                self._definitions.append(
                    f"EXT_RAM_BSS_ATTR {aligned}({ALIGNMENT}) {kind} {name}[{length}];\n"
                )
                self._declarations.append(f"extern {kind} {name}[{length}];")
            self._declarations.append(f"extern const {kind} {stored}[{length}];")
            self.nbytes += nbytes
            self.sha256.update(array.tobytes().ljust(nbytes, b"\0"))
        return self._names[key]

    def header(self) -> str:
        """The whole of `<name>_constants.h`."""
        guard = f"{self.network.text.upper()}_CONSTANTS_H"
        lines = [f"#ifndef {guard}", f"#define {guard}", ""]
        lines += ["#include <stdbool.h>", "#include <stdint.h>", "", *self._declarations]
        if self.copied:
            lines += ["/* Copies them all into PSRAM. */", f"void {self._loader}(void);"]
        return NOTICE + "\n".join([*lines, "", "#endif", ""])

    def definitions(self) -> str:
        """The whole of `<name>_lib0.c`."""
        own = (self.network.constants_header, self.network.own("espdl_kernels.h"))
        includes = "".join(f'#include "{name}"\n' for name in own) + "#include <math.h>\n"
        if not self.copied:
            return "\n".join([NOTICE + includes, *self._definitions])
        copies = [f"  memcpy({name}, {name}_stored, sizeof {name});" for name in self.names()]
        loader = "\n".join([f"void {self._loader}(void) {{", *copies, "}", ""])
        head = NOTICE + includes + "#include <string.h>\n\n" + psram_attribute("constants")
        return "\n".join([head, *self._definitions, loader])

    def names(self) -> list[str]:
        """The C names of all arrays."""
        return list(dict.fromkeys(self._names.values()))

    def loading(self) -> str:
        """Lines of the network's run that copy the arrays once; "" where they are read in place."""
        if not self.copied:
            return ""
        once = "  static bool loaded = false;\n  if (!loaded) {\n"
        return f"{once}    {self._loader}();\n    loaded = true;\n  }}\n"

    @property
    def _loader(self) -> str:
        return f"{self.network.prefix}_load_constants"
