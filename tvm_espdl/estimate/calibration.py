"""What a user's own board adds: factors for the prices of cycles, from the cycles of its calls.

They are fitted to a log of a firmware built with `TVM_ESPDL_PROFILE`, near 1 where the log does not
decide them, and kept in a file where the user says.
"""

from __future__ import annotations

import dataclasses
import json
import os

import numpy as np

from ..errors import DataError
from ..files.checked_json import Node, read_json
from ..files.output_files import write_whole
from ..files.profile_lines import Profile
from ..ops.base.rounding import Array
from .evaluation import Figures
from .factors import KINDS, PARTS, Calibration

#: How much a factor's distance from 1 weighs against the error of a call.
_NEAR_ONE = 0.003
_LARGEST = 20.0


def save_calibration(calibration: Calibration, path: str | os.PathLike[str]) -> None:
    """Write the file.

    Raises
    ------
    OutputError
        If it exists or cannot be written.
    """
    text = json.dumps(dataclasses.asdict(calibration), indent=1, sort_keys=True) + "\n"
    write_whole(path, text.encode())


def load_calibration(path: str | os.PathLike[str], chip: str) -> Calibration:
    """The calibration in a file.

    Raises
    ------
    DataError
        If it cannot be read, is none, or is of another chip.
    """
    names = [each.name for each in dataclasses.fields(Calibration)]
    kind = "what evaluate --calibrate monitor.log --calibration FILE has written"
    try:
        fields = read_json(path, kind, "").fields(*names)
        percent = [fields[name].number() for name in names if name.endswith("_percent")]
        found = Calibration(
            fields["chip"].text(),
            {name: _factor(name, node) for name, node in fields["factors"].entries().items()},
            fields["calls"].integer(0, 1 << 40),
            *percent,
        )
    except DataError as problem:
        raise DataError(
            "no calibration", where=str(path), found=str(problem), allowed=kind
        ) from None
    if found.chip != chip:
        raise DataError(
            "the calibration is of another chip", where=str(path), found=found.chip, allowed=chip
        )
    return found


def _factor(name: str, node: Node) -> float:
    factor = node.number()
    if name not in {f"{kind} {part}" for kind in KINDS for part in PARTS}:
        node.refuse("nothing has such a factor", "kinds of kernels and parts", repr(name))
    if not 0 < factor <= _LARGEST:
        node.refuse("no such factor", f"numbers above 0, up to {_LARGEST:g}")
    return factor


def calibrated(figures: Figures, profile: Profile) -> Calibration:
    """The factors with which the estimate meets the cycles of a board's calls best.

    Parameters
    ----------
    figures : Figures
        Of the same network and settings, without a calibration.

    Raises
    ------
    DataError
        If calls of the log are not those of the network.
    """
    measured = _measured(figures, profile)
    names = [f"{kind} {part}" for kind in KINDS for part in PARTS]
    each = figures.machine.clock_hz / 1000
    rows = np.zeros((len(measured), len(names)))
    for number, index in enumerate(measured):
        node = figures.nodes[index]
        for part, milliseconds in node.parts.items():
            rows[number, names.index(f"{node.kernel} {part}")] = milliseconds * each
    cycles = np.array([*measured.values()], float)
    factors = _fitted(rows, cycles)
    used = rows.sum(axis=0) > 0
    predicted = rows @ factors
    total = cycles.sum()
    return Calibration(
        chip=figures.chip.name,
        factors={
            name: round(float(value), 4)
            for name, value, one in zip(names, factors, used, strict=True)
            if one
        },
        calls=len(measured),
        before_percent=round(float(100 * (rows.sum() / total - 1)), 1),
        after_percent=round(float(100 * (predicted.sum() / total - 1)), 1),
        calls_percent=round(float(100 * np.abs(predicted - cycles).sum() / total), 1),
    )


def _measured(figures: Figures, profile: Profile) -> dict[int, int]:
    """Cycles by step, of the calls that the network has."""
    found = {}
    for call in profile.calls:
        names = figures.nodes[call.index].writes if call.index < len(figures.nodes) else ()
        if call.name not in names[:1]:
            raise DataError(
                "the log is of another network",
                where="--calibrate",
                found=f"call {call.index} computes {call.name!r}",
                allowed=f"{names[0]!r}" if names else f"{len(figures.nodes)} calls",
                try_="the model that the firmware was exported from",
            )
        if figures.counts[call.index].runs and call.cycles:
            found[call.index] = call.cycles
    if not found:
        raise DataError("no cycles of the network's calls", where="--calibrate")
    return found


def _fitted(rows: Array, cycles: Array) -> Array:
    """Factors above 0: least squares of shares of the time, drawn to 1."""
    count = rows.shape[1]
    scale = cycles.sum()
    table = np.vstack([rows / scale, _NEAR_ONE * np.eye(count)])
    wanted = np.concatenate([cycles / scale, np.full(count, _NEAR_ONE)])
    found = np.linalg.lstsq(table, wanted, rcond=None)[0]
    return np.clip(found, 1 / _LARGEST, _LARGEST)


def sentence(calibration: Calibration) -> str:
    """How far the factors go."""
    return (
        f"refined by {calibration.calls} calls of a board: all of them were off by "
        f"{calibration.before_percent:+g} %, and are by {calibration.after_percent:+g} % now; a "
        f"call by {calibration.calls_percent:g} %. That is of the network that was measured"
    )
