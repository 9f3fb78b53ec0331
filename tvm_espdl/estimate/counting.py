"""Executed instructions of a kernel, from the committed tables of its loops.

The tables are what `scripts/fit_estimate.py` has found; here they are only read and multiplied.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from ..chips import Chip
from ..errors import EspdlError
from .features import features, shape_class
from .work import Work

#: Values in a vector, where no type of the table tells.
_DEFAULT_LANES = 16
#: What a portable kernel takes that was not counted, an element: about the mean of the others.
_UNCOUNTED = 25.0
#: Kernels whose row does not grow with the products where only one shape of a class was counted: it
#: is taken for shapes that take about as much by another class.
_OF_MANY_SHAPES = ("conv2d", "matmul")
_NEAR = 4.0


@dataclass(frozen=True)
class Counted:
    """Instructions of a call.

    Attributes
    ----------
    instructions : float
        Executed ones.
    counted : bool
        Whether a kernel of this kind was counted for enough shapes of this class; else it is like
        another.
    """

    instructions: float
    counted: bool


def is_counted(kernels: str, chip: Chip) -> bool:
    """Whether anything is known of what such a preference for kernels calls on `chip`."""
    return kernels != "esp-dl" or chip.family in _tables()["esp-dl"]


def check_counted(kernels: str, chip: Chip) -> None:
    """Refuse a preference whose kernels were not counted: EspdlError."""
    if not is_counted(kernels, chip):
        raise EspdlError(
            "ESP-DL's kernels in C were not counted, so that their time is not known",
            where=f"--kernels esp-dl on {chip.name}",
            allowed="auto, portable",
            try_="without it: projects for this chip call portable kernels by default",
        )


def esp_dl_instructions(work: Work, chip: Chip) -> Counted:
    """What ESP-DL's kernel in vectors takes on `chip`.

    Raises
    ------
    EspdlError
        If the chip has no vectors: ESP-DL's loops in C were not counted.
    """
    check_counted("esp-dl", chip)
    table = _tables()["esp-dl"][chip.family]
    lanes = chip.lanes(work.dtype) if work.dtype in ("int8", "int16") else _DEFAULT_LANES
    of_one: Counted | None = None
    for like, kind, same in _alike(work, lanes):
        row = table.get(kind)
        if row is None:
            continue
        counts = features(like, lanes)
        few = kind in _tables()["few shapes"][chip.family]
        found = Counted(sum(row[name] * counts[name] for name in row), same and not few)
        if work.kernel in _OF_MANY_SHAPES and not any(" vectors" in name for name in row):
            of_one = of_one or found
            continue
        near = of_one is not None and found.instructions / _NEAR < of_one.instructions
        if of_one is not None and near and of_one.instructions < found.instructions * _NEAR:
            return of_one
        return found
    if of_one is not None:
        return of_one
    return Counted(_UNCOUNTED * max(work.elements_in, work.elements_out) / lanes, counted=False)


def portable_instructions(work: Work, chip: Chip) -> Counted:
    """What the portable C kernel takes on the instruction set of `chip`."""
    table = _tables()["portable"][chip.instruction_set]
    elements = max(work.elements_in, work.elements_out)
    row = table.get(work.kernel)
    if row is None:
        return Counted(_UNCOUNTED * elements, counted=False)
    wide = 1.0 if work.dtype != "int16" else row.get("int16", 1.0)
    taps = work.window.taps * work.channels_out if work.window is not None else 0
    products = row.get("product", 0.0) * (work.macs or taps)
    each = row.get("element", 0.0)
    if chip.computes_floats:  # Counted without such a unit; with one, about half of it.
        each = row.get("element with float unit", each)
    return Counted(wide * (products + each * elements), counted=True)


def _alike(work: Work, lanes: int) -> list[tuple[Work, str, bool]]:
    """Works that take about the same, their classes, and whether it is the work's own class.

    The work itself, then the same on whole vectors of channels, then the same in int8, then each by
    the loops for larger windows, or the other way round.
    """
    whole = dataclasses.replace(
        work,
        channels_in=-(-work.channels_in // lanes) * lanes,
        channels_out=-(-work.channels_out // lanes) * lanes,
    )
    bytes_ = dataclasses.replace(whole, dtype="int8")
    own = [(like, shape_class(like, lanes)) for like in (work, whole, bytes_)]
    others = [(like, re.sub(" ([123])x\\1 ", " larger ", kind)) for like, kind in own]
    # Without a shift nothing is rounded, as of a shift to the left.
    for loop in (" left ", " right ", " ") if work.loop else ():
        others += [(like, kind.replace(f" {work.loop} ", loop)) for like, kind in own]
    return [(like, kind, n == 0) for n, (like, kind) in enumerate([*own, *others])]


@cache
def _tables() -> Mapping[str, Mapping[str, Mapping[str, Mapping[str, float]]]]:
    text = (resources.files(__package__) / "data" / "instructions.json").read_text("utf-8")
    return json.loads(text)
