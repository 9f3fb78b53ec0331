"""The cycles of a firmware's calls, read from a serial monitor's log.

A firmware built with `TVM_ESPDL_PROFILE` prints a line for each call after every run; what the
numbers mean for a network is said by those who know its calls.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError
from .dump_names import decoded
from .monitor_lines import log_lines, marked

_LINE = re.compile(r"(\d+) (\S*) (\d+)")


@dataclass(frozen=True)
class ProfiledCall:
    """One call of a run.

    Attributes
    ----------
    index : int
        Which of the network's calls, as in `calls` of `metadata.json`.
    name : str
        Its first result, as the model has it.
    cycles : int
        Cycles of the core, below 2^32.
    """

    index: int
    name: str
    cycles: int


@dataclass(frozen=True)
class Profile:
    """What a log says of calls.

    Attributes
    ----------
    calls : tuple of ProfiledCall
        Those of the last run of which most lines are there, in their order.
    runs : int
        Runs in the log, parts of runs included.
    damaged : tuple of str
        Lines that cannot be read.
    """

    calls: tuple[ProfiledCall, ...]
    runs: int
    damaged: tuple[str, ...] = ()


def read_profile(path: Path) -> Profile:
    """The profile in a log; other lines are passed over.

    Raises
    ------
    DataError
        If the file cannot be read, or holds no line of a profile.
    """
    runs: list[list[ProfiledCall]] = []
    damaged: list[str] = []
    for line in log_lines(path):
        for kind, rest in marked(line):
            if kind != "profile":
                continue
            found = _LINE.fullmatch(rest)
            if found is None or int(found[3]) >> 32:
                damaged.append(f"{kind} {rest}")
                continue
            call = ProfiledCall(int(found[1]), decoded(found[2]), int(found[3]))
            if not runs or call.index <= runs[-1][-1].index:
                runs.append([])
            runs[-1].append(call)
    if not runs:
        raise DataError(
            "no cycles of calls in the log",
            where=str(path),
            found=f"{len(damaged)} damaged lines" if damaged else "no line `@espdl profile`",
            try_="a firmware with TVM_ESPDL_PROFILE in its crt_config.h",
        )
    most = max(map(len, runs))
    whole = [run for run in runs if len(run) == most]
    return Profile(tuple(whole[-1]), len(runs), tuple(damaged))
