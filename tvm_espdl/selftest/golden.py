"""Reads a folder of golden vectors: `index.json` and one `.npz` a case.

A case becomes operator records and their arrays in `builders`; this module never runs anything.
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


@dataclass(frozen=True, eq=False)
class Case:
    """One case: an operator with one result or several, run once or several times in a row.

    What is asked for and missing is a `DataError` that names the case.
    """

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
        """Whether the case rests on a C library's `expf`, so that one step is allowed."""
        return "inexact" in self.entry

    @property
    def runs(self) -> int:
        """How often it is run; what it keeps between the runs is kept."""
        return int(self.entry.get("steps", 1))

    @property
    def results(self) -> tuple[str, ...]:
        """Names of the results: "" for the first one, then those of `more_outputs`."""
        return ("", *self.entry.get("more_outputs", {}))

    def expected(self, family: str, result: str = "", run: int = 0) -> Array | None:
        """A result on chips of `family`, or None where the case has none of these chips."""
        entry = self.entry["more_outputs"][result] if result else self.entry
        name = entry["outputs"].get(FAMILIES[family])
        return None if name is None else self.array(name, run)

    def array(self, name: str, run: int = 0) -> Array:
        """An array of the file, as it is in a run."""
        key = f"{name}@{run}" if run else name
        if key not in self.arrays:
            self._lacks(f"array {key!r}", self.arrays)
        return self.arrays[key]

    def has(self, name: str) -> bool:
        """Whether there is such an input."""
        return name in self.arrays

    def attribute(self, name: str, *default: Any) -> Any:
        """An attribute, lists as tuples; the default where it is absent, if one is given."""
        attributes = self.entry.get("attrs", {})
        if name not in attributes:
            if default:
                return default[0]
            self._lacks(f"attribute {name!r}", attributes)
        value = attributes[name]
        return tuple(value) if isinstance(value, list) else value

    def axis(self, rank: int, name: str = "axis", *default: int) -> int:
        """An axis counted from the front."""
        return self.from_front(self.attribute(name, *default), rank)

    def from_front(self, axis: int, rank: int) -> int:
        """The same axis, not negative."""
        if not -rank <= axis < rank:
            raise self.refuse("no such axis", axis, f"-{rank} to {rank - 1}")
        return axis % rank

    def tensor(self, name: str) -> Tensor:
        """Type of an input."""
        array, inputs = self.array(name), self.entry.get("inputs", {})
        if "exponent" not in inputs.get(name, {}):
            self._lacks(f"exponent of {name!r}", inputs)
        exponent = inputs[name]["exponent"]
        if isinstance(exponent, list):
            exponent = tuple(exponent)
        return Tensor(str(array.dtype), array.shape, exponent)

    @property
    def output(self) -> Tensor:
        """Type of the first result."""
        for name in ("output_dtype", "output_shape", "output_exponent"):
            if name not in self.entry:
                self._lacks(name, self.entry)
        entry = self.entry
        return Tensor(entry["output_dtype"], tuple(entry["output_shape"]), entry["output_exponent"])

    def refuse(self, what: str, found: object, allowed: object = None) -> DataError:
        """The error of a case that cannot be run, to be raised."""
        return DataError(
            what, where=f"vector {self.name} ({self.operator})", found=found, allowed=allowed
        )

    def _lacks(self, what: str, there: Any) -> None:
        raise self.refuse(f"the vector has no {what}", ", ".join(sorted(there)) or "nothing")


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
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            "not a folder of golden vectors", where=str(index), found=str(error)
        ) from error


def _case(folder: Path, entry: dict[str, Any]) -> Case:
    path = folder / entry["file"]
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    if not isinstance(entry["outputs"], dict):
        raise ValueError(f"outputs of {path.stem}")
    return Case(path.stem, entry["op"], entry, arrays)
