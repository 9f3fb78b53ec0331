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
from ..program.kernels import Choice, Preference, choice
from ..version import __version__
from . import golden
from .builders import trials_of
from .golden import Case
from .run import PRIMITIVES
from .trial import Trial

#: Of the lines that the firmware prints.
LOG_VERSION = "v1"


@dataclass(frozen=True, eq=False)
class Vector:
    """One call of a case on the firmware's chip."""

    trial: Trial
    #: How its kernel is called, and which one the chip gets.
    call: CCall
    chosen: Choice

    @property
    def name(self) -> str:
        """The name of the case and which call of it, as one word, as the log has it."""
        return encoded(self.trial.name)

    @property
    def operator(self) -> Operator:
        """What is computed."""
        return self.trial.operator

    @cached_property
    def checksum(self) -> int:
        """CRC-32 of the expected result's bytes."""
        return zlib.crc32(np.ascontiguousarray(self.trial.expected).tobytes())


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
            arrays = (*vector.trial.arrays, vector.trial.expected)
            types = [(str(array.dtype), array.shape) for array in arrays]
            record = [vector.name, vector.operator.to_json(), types, vector.trial.case.inexact]
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
        if case.expected(chip.family) is None:
            continue
        if case.operator in PRIMITIVES:
            left_out.append(case.name)
            continue
        for trial in _trials(case, chip, folder):
            if trial.name in vectors:
                raise DataError("two vectors of one name", where=str(folder), found=trial.name)
            call = trial.operator.call(chip, *trial.constants)
            vectors[trial.name] = Vector(trial, call, choice(trial.operator, chip, kernels))
    if not vectors:
        raise DataError("no vector says what such a chip computes", where=str(folder))
    return Firmware(chip, tuple(vectors.values()), tuple(left_out))


def _trials(case: Case, chip: Chip, folder: Path) -> list[Trial]:
    """The calls of a case."""
    trials = trials_of(case, chip.family)
    if trials is None:
        raise DataError(
            "no such operator",
            where=f"{folder / 'index.json'}, vector {case.name}",
            found=case.operator,
            try_="remove the vector from the index",
        )
    return trials
