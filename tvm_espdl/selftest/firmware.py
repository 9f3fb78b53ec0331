"""What the self-test's firmware holds: the vectors of a folder that one chip can run.

Both who writes the firmware and who judges its log make it from the same folder; nothing is run or
printed here.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ..chips import Chip
from ..errors import DataError
from ..files.dump_names import encoded
from ..ops import Operator
from ..ops.base.ccall import CCall
from ..ops.base.rounding import Array
from ..program.kernels import Choice, Preference, choice
from ..version import __version__
from . import golden
from .builders import operator_of
from .golden import Case
from .run import PRIMITIVES

#: Of the lines that the firmware prints.
LOG_VERSION = "v1"


@dataclass(frozen=True, eq=False)
class Vector:
    """One vector of the firmware."""

    case: Case
    operator: Operator
    #: How its kernel is called, and which one the chip gets.
    call: CCall
    chosen: Choice
    #: The arrays of the case that are its inputs, in the operator's order, and its constants.
    inputs: tuple[Array, ...]
    constants: tuple[Array, ...]
    #: The result.
    expected: Array

    @property
    def name(self) -> str:
        """The case's name as one word, as the log has it."""
        return encoded(self.case.name)

    @cached_property
    def checksum(self) -> int:
        """CRC-32 of the expected result's bytes."""
        return zlib.crc32(np.ascontiguousarray(self.expected).tobytes())


@dataclass(frozen=True, eq=False)
class Firmware:
    """The vectors for a chip, in the order of the folder's index."""

    chip: Chip
    vectors: tuple[Vector, ...]
    #: Cases of the folder that no kernel computes: primitives that only PC engines have.
    left_out: tuple[str, ...]

    @cached_property
    def identity(self) -> str:
        """A name for exactly these vectors, chip and version: `<chip>-<digest>`.

        The digest is 16 hex digits of a SHA-256.
        """
        digest = hashlib.sha256(f"{LOG_VERSION} {__version__} {self.chip.name}".encode())
        for vector in self.vectors:
            arrays = (*vector.inputs, *vector.constants, vector.expected)
            types = [(str(array.dtype), array.shape) for array in arrays]
            record = [vector.name, vector.operator.to_json(), types, vector.case.inexact]
            digest.update(json.dumps(record).encode())
            for array in arrays:
                digest.update(np.ascontiguousarray(array).tobytes())
        return f"{self.chip.name}-{digest.hexdigest()[:16]}"


def firmware_of(chip: Chip, folder: Path = golden.GOLDEN, kernels: Preference = "auto") -> Firmware:
    """The firmware for a chip from a folder of vectors.

    `kernels` says whose kernels compute them: `auto`, `esp-dl` or `portable`, as `program.kernels`
    has it.

    Raises
    ------
    DataError
        If the folder cannot be read, has nothing for such a chip, two cases of one name, or an
        operator that this package does not have.
    """
    vectors: dict[str, Vector] = {}
    left_out = []
    for case in golden.load(folder):
        expected = case.expected(chip.family)
        if expected is None:
            continue
        if case.operator in PRIMITIVES:
            left_out.append(case.name)
        elif case.name in vectors:
            raise DataError("two vectors of one name", where=str(folder), found=case.name)
        else:
            vectors[case.name] = _vector(case, chip, expected, folder, kernels)
    if not vectors:
        raise DataError("no vector says what such a chip computes", where=str(folder))
    return Firmware(chip, tuple(vectors.values()), tuple(left_out))


def _vector(case: Case, chip: Chip, expected: Array, folder: Path, kernels: Preference) -> Vector:
    built = operator_of(case)
    if built is None:
        raise DataError(
            "no such operator",
            where=f"{folder / 'index.json'}, vector {case.name}",
            found=case.operator,
            try_="remove the vector from the index",
        )
    operator, names = built
    arrays = tuple(case.arrays[name] for name in names)
    count = len(operator.inputs)
    inputs, constants = arrays[:count], arrays[count:]
    chosen, call = choice(operator, chip, kernels), operator.call(chip, *constants)
    return Vector(case, operator, call, chosen, inputs, constants, expected)
