"""Prints the vectors of the self-test's firmware: a table in C, and their data as they are.

It prints what operators say of their calls; nothing is computed or decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from string import Template

import numpy as np

from ..codegen.identifiers import comment, string
from ..codegen.implementations import Implementations, implementations
from ..codegen.kernels import runtime_files
from ..codegen.literals import ALIGNMENT, array_length
from ..ops.base.rounding import Array
from ..version import __version__
from .c_case import PARAMETERS, case_definition
from .firmware import LOG_VERSION, Firmware, Vector

TEMPLATES = Path(__file__).parent / "templates"
NAME = "selftest_vectors"
#: Bytes behind an input that a kernel may read.
INPUT_OVER_READ = 16
#: What stands there: a kernel that lets it decide gives another result.
BEHIND_INPUTS = 0x5A
#: Characters of a line beside names and checksums of runs in place.
_REST_OF_LINE = 160


@dataclass(frozen=True)
class FirmwareTexts:
    """The vectors of a firmware, printed."""

    #: `selftest_vectors.h`, `.c` and `.S`, by the names of the files.
    vectors: dict[str, str]
    #: The kernels that they call.
    runtime: Implementations
    #: `selftest_vectors.bin`.
    data: bytes
    #: Static memory of the runner.
    ram_bytes: int


class Image:
    """Arrays one behind the other, each at a multiple of 16 bytes; equal ones once."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._places: dict[bytes, int] = {}

    def add(self, array: Array, over_read: int, behind: int = 0) -> int:
        """Where an array stands; `over_read` bytes that may be read follow, each `behind`."""
        length = array_length(array, over_read) * array.itemsize
        length += -length % ALIGNMENT
        block = np.ascontiguousarray(array).tobytes().ljust(length, bytes([behind]))
        if block not in self._places:
            self._places[block] = len(self._bytes)
            self._bytes += block
        return self._places[block]

    def data(self) -> bytes:
        """All of it."""
        return bytes(self._bytes)


def firmware_texts(firmware: Firmware) -> FirmwareTexts:
    """Print a firmware's vectors; the same vectors give the same bytes."""
    image = Image()
    vectors = firmware.vectors
    definitions = [_definition(i, vector, image) for i, vector in enumerate(vectors)]
    inputs = max(len(vector.trial.inputs) for vector in vectors)
    rows = [_row(i, vector, image) for i, vector in enumerate(vectors)]
    table = f"const struct selftest_vector {NAME}[SELFTEST_VECTORS] = {{"
    lines = [f'#include "{NAME}.h"\n\n#include <math.h>\n', *definitions, table, *rows, "};", ""]
    longest = max(len(vector.name) for vector in vectors)
    sizes = {
        "output_bytes": max(vector.operator.output.nbytes for vector in vectors),
        "workspace_bytes": max(vector.call.needs.workspace_bytes for vector in vectors),
        "line_bytes": longest + 9 * inputs + len(__version__) + _REST_OF_LINE,
    }
    header = Template((TEMPLATES / f"{NAME}.h.in").read_text()).substitute(
        log_version=string(LOG_VERSION),
        tool_version=string(__version__),
        identity=string(firmware.identity),
        vectors=len(vectors),
        inputs=inputs,
        parameters=PARAMETERS,
        **sizes,
    )
    return FirmwareTexts(
        {
            f"{NAME}.h": header,
            f"{NAME}.c": "\n".join(lines),
            f"{NAME}.S": (TEMPLATES / f"{NAME}.S").read_text(),
        },
        implementations(
            runtime_files((vector.operator, vector.call) for vector in vectors),
            {vector.call.function: vector.chosen.kernel for vector in vectors},
        ),
        image.data(),
        sum(sizes.values()),
    )


def _definition(number: int, vector: Vector, image: Image) -> str:
    """Descriptor and function of a vector."""
    call = vector.call
    arrays = {
        member: _address(image.add(array, call.over_read)) for member, array in call.arrays.items()
    }
    definition = case_definition(number, vector.operator, call, arrays, "selftest_workspace")
    return f"/* {comment(vector.name)} */\n{definition}"


def _row(number: int, vector: Vector, image: Image) -> str:
    """A vector's line of the table."""
    output = vector.operator.output
    over_read = max(INPUT_OVER_READ, vector.call.needs.over_read)
    inputs = [_address(image.add(a, over_read, BEHIND_INPUTS)) for a in vector.trial.inputs]
    places = sum(1 << place for place in vector.call.needs.in_place)
    shape = "x".join(map(str, output.shape)) or "1"
    texts = ", ".join(map(string, (vector.name, output.dtype, shape)))
    return (
        f"  {{{texts}, case_{number}, {{{', '.join(inputs)}}},\n"
        f"   {output.nbytes}, {vector.checksum:#010x}u, {places}u, "
        f"{int(vector.chosen.kernel == 'esp-dl')}}},"
    )


def _address(offset: int) -> str:
    return f"(const void *)(selftest_data + {offset})"
