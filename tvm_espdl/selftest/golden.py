"""Reads a folder of golden vectors: `index.json` and one `.npz` a case.

A case becomes an operator record and its arrays through one small function per operator; this
module never runs anything.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..chips import FAMILIES
from ..errors import DataError
from ..ops import Tensor
from ..ops.base.rounding import Array

GOLDEN = Path(__file__).parent.parent / "data" / "golden"


@dataclass(frozen=True)
class Case:
    """One vector."""

    #: File name without ending.
    name: str
    #: Name of the operator as the index has it.
    operator: str
    #: The case's entry of the index.
    entry: dict[str, Any]
    #: Everything in the file, by name.
    arrays: dict[str, Array]

    @property
    def inexact(self) -> bool:
        """Whether the vector rests on a C library's `expf`, so that one step is allowed."""
        return "inexact" in self.entry

    def expected(self, family: str) -> Array | None:
        """The result on chips of `family`, or None where the vector has none."""
        name = self.entry["outputs"].get(FAMILIES[family])
        return None if name is None else self.arrays[name]

    def tensor(self, name: str) -> Tensor:
        """Type of an input."""
        array, exponent = self.arrays[name], self.entry["inputs"][name]["exponent"]
        if isinstance(exponent, list):
            exponent = tuple(exponent)
        return Tensor(str(array.dtype), array.shape, exponent)

    @property
    def output(self) -> Tensor:
        """Type of the result."""
        entry = self.entry
        return Tensor(entry["output_dtype"], tuple(entry["output_shape"]), entry["output_exponent"])


def load(folder: Path = GOLDEN) -> list[Case]:
    """All cases of a folder, in the order of its index.

    Raises
    ------
    DataError
        If the folder, its index or a file of it is missing or damaged.
    """
    index = folder / "index.json"
    try:
        entries = json.loads(index.read_text())["cases"]
        return [_case(folder, entry) for entry in entries]
    except FileNotFoundError as error:
        raise DataError("no such file", where=str(error.filename), try_="another folder") from None
    except (ValueError, KeyError) as error:
        raise DataError(
            "not a folder of golden vectors", where=str(index), found=str(error)
        ) from error


def _case(folder: Path, entry: dict[str, Any]) -> Case:
    path = folder / entry["file"]
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    return Case(path.stem, entry["op"], entry, arrays)
