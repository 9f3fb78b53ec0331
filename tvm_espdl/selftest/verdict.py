"""Judges a log of the self-test's firmware: which vectors a board has shown to compute right.

The expected results are the folder's; what the firmware says of its own results proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..chips import CHIPS, Chip, find_chip
from ..errors import DataError
from ..files.monitor_lines import log_lines
from ..program.kernels import PREFERENCES, choice
from ..version import __version__
from . import golden
from .findings import findings_of
from .firmware import Firmware, Vector, firmware_of
from .firmware_log import Run, read_runs
from .run import Outcome


@dataclass(frozen=True)
class Verdict:
    """What a log proves.

    Attributes
    ----------
    chip : str
        The chip's name.
    passed : int
        Vectors that were run, intact and equal.
    failures : tuple of Outcome
        Those that were not equal, and why.
    skipped : tuple of str
        Those of which the log shows nothing, or nothing intact.
    problems : tuple of str
        What was damaged, missing or foreign, a sentence each.
    notes : tuple of str
        What the log says besides.
    """

    chip: str
    passed: int
    failures: tuple[Outcome, ...]
    skipped: tuple[str, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every vector of the firmware was run, intact and equal."""
        return bool(self.passed) and not (self.failures or self.skipped or self.problems)


def judge_log(path: Path, folder: Path = golden.GOLDEN, chip: str | None = None) -> Verdict:
    """Judge a monitor's log.

    Parameters
    ----------
    folder : path
        The vectors that the firmware was written from.
    chip : str, optional
        The chip that it has to be of; by default the log says it.

    Raises
    ------
    ChipError
        If there is no such chip.
    DataError
        If log or folder cannot be read, or the log holds nothing of a self-test.
    """
    expected = None if chip is None else find_chip(chip)
    runs = read_runs(log_lines(path))
    if not runs:
        raise DataError(
            "the log holds no self-test",
            where=str(path),
            allowed="lines that start with @espdl selftest",
            try_="flash what `tvm-espdl selftest --project DIR` writes, and save its output",
        )
    named = [run.identity.rpartition("-")[0] for run in runs if run.identity]
    if expected is None:
        known = [name for name in named if name in CHIPS]
        if not known:
            raise DataError(
                "no line of the log says which chip it is of",
                where=str(path),
                found=named[-1] if named else "damaged lines only",
                allowed=", ".join(CHIPS),
                try_="--chip",
            )
        expected = CHIPS[known[-1]]
    return judge_runs(runs, firmware_of(expected, folder))


def judge_runs(runs: Sequence[Run], firmware: Firmware) -> Verdict:
    """Judge all runs of a log, of which there is at least one.

    The last whole run counts. Before it, only what differs does; behind it there may be runs whose
    tail is missing, for the monitor was stopped there.
    """
    own = [run.identity == firmware.identity for run in runs]
    whole = [index for index, run in enumerate(runs) if own[index] and run.whole]
    last = whole[-1] if whole else len(runs) - 1
    problems = _problems(runs[last], firmware)
    cut = 0
    for index in range(last + 1, len(runs)):
        if runs[index].only_cut and runs[index].identity in ("", firmware.identity):
            cut += 1
        else:
            found = _problems(runs[index], firmware)
            problems += [f"in a run behind the last whole one: {problem}" for problem in found]
    findings = [findings_of(run, firmware) for index, run in enumerate(runs) if own[index]]
    failures = {n: text for found in reversed(findings) for n, text in found.items() if text}
    shown = findings_of(runs[last], firmware) if own[last] else {}
    numbers = range(len(firmware.vectors))
    skipped = [n for n in numbers if n not in failures and shown.get(n) is None]
    if problems and not (failures or skipped):
        skipped = list(numbers)  # what is damaged was none of the vectors, or all of them
    names = [vector.trial.name for vector in firmware.vectors]
    return Verdict(
        firmware.chip.name,
        len(names) - len(failures) - len(skipped),
        tuple(Outcome(names[n], firmware.chip.name, failures[n]) for n in sorted(failures)),
        tuple(names[n] for n in skipped),
        tuple(problems),
        tuple(_notes(runs[last], cut, firmware)) if own[last] else (),
    )


def _problems(run: Run, firmware: Firmware) -> list[str]:
    """What keeps a run from being a whole one of this firmware."""
    if run.identity not in ("", firmware.identity):
        written = f", written by version {run.version}" if run.version else ""
        return [
            f"the board holds {run.identity}{written}, these vectors are {firmware.identity}: "
            "write the project again and flash it, or name the chip and the folder of its vectors"
        ]
    problems, count = list(run.problems), len(firmware.vectors)
    if run.crash:
        problems.append(f"the firmware stopped: {run.crash}")
    if not run.done or len(run.shown) < count:
        end = "" if run.done else "the run did not end: "
        problems.append(f"{end}{len(run.shown)} of {count} vectors came")
    if run.announced not in (None, count):
        problems.append(f"{run.announced} vectors announced, {count} expected")
    if run.version not in ("", __version__):
        problems.append(f"written by version {run.version}, its vectors by {__version__}")
    for index, shown in sorted(run.shown.items()):
        vector = firmware.vectors[index] if index < count else None
        if vector is None or shown.name != vector.name:
            problems.append(f"vector {index} is called {shown.name}")
        elif shown.kernel not in _kernels(vector, firmware.chip):
            problems.append(f"{shown.name} is computed by {shown.kernel}, which is no kernel of it")
    return problems


def _kernels(vector: Vector, chip: Chip) -> set[str]:
    """Whose kernels may compute a vector, whatever its project prefers."""
    return {choice(vector.operator, chip, preference).kernel for preference in PREFERENCES}


def _notes(run: Run, cut: int, firmware: Firmware) -> list[str]:
    kernels = [shown.kernel for shown in run.shown.values()]
    counts = ", ".join(f"{kernels.count(kernel)} by {kernel}" for kernel in sorted(set(kernels)))
    notes = [f"{firmware.identity}: {len(firmware.vectors)} vectors; {counts or 'none'} in the log"]
    replaced = [
        shown.name
        for shown, vector in ((run.shown.get(i), v) for i, v in enumerate(firmware.vectors))
        if shown is not None and (shown.kernel, vector.chosen.kernel) == ("portable", "esp-dl")
    ]
    if replaced:
        notes.append(
            f"{len(replaced)} of them are ESP-DL's by default: the firmware was built without it"
        )
    if cut:
        notes.append(f"runs behind it that did not end, left out: {cut}")
    return notes
