"""Reads what the self-test's firmware has printed from a serial monitor's log, run by run.

Every line of the firmware has a checksum of its own: damage is told from a difference, and nothing
is guessed. What the lines prove is said by `verdict`.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..files.monitor_lines import marked, plain
from ..files.printed_tensors import PrintedTensors
from .firmware import LOG_VERSION

_CHECKED = re.compile(r"(.+) \*([0-9a-f]{8})")
_NUMBER = "(0|[1-9][0-9]{0,8})"
_FRAME = re.compile(rf"(v\S+) (begin|done) (\S+) {_NUMBER}(?: (\S+))?")
_VECTOR = re.compile(
    rf"(\S+) {_NUMBER} (\S+) (\S+) ([0-9a-f]{{8}}) (-|[0-9a-f]{{8}}(?:,[0-9a-f]{{8}})*) "
    r"(untouched|touched) (equal|differs)"
)
#: What ESP-IDF prints when the firmware stops in the middle.
_CRASH = re.compile(
    r"(?:Guru Meditation Error|abort\(\) was called|assert failed|\*\*\*ERROR\*\*\* A stack"
    r" overflow|CORRUPT HEAP).*"
)
_KINDS_OF_TENSORS = ("tensor", "data", "end")


@dataclass(frozen=True)
class Shown:
    """The line of a vector."""

    name: str
    kernel: str
    #: CRC-32 of its output, and of those of the runs in place, in the order of the inputs.
    checksum: int
    in_place: tuple[int, ...]
    #: What the firmware says: whether all guards were whole, and whether all was as expected.
    untouched: bool
    equal: bool


@dataclass
class Run:
    """One run of the firmware.

    Attributes
    ----------
    identity : str
        Which firmware it is of, `<chip>-<digest>`; "" where no line that says so is whole.
    version : str
        The version of this package that wrote it; "" where the first line is missing.
    shown : dict of int to Shown
        Vectors by their number; those that stood twice are not in it.
    values : PrintedTensors
        Outputs that were printed in full.
    problems : list of str
        What was damaged or missing, a sentence each.
    crash : str
        What ESP-IDF said when the firmware stopped; "" where it did not.
    """

    identity: str = ""
    version: str = ""
    shown: dict[int, Shown] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    crash: str = ""
    done: bool = False
    announced: int | None = None
    last: int = -1
    last_line_reports: int = 0

    def __post_init__(self) -> None:
        self.values = PrintedTensors(self.report)
        self._seen: set[int] = set()

    def report(self, problem: str) -> None:
        """Note a problem of the line that is being read."""
        self.problems.append(problem)
        self.last_line_reports += 1

    @property
    def only_cut(self) -> bool:
        """Whether nothing but its tail is missing; the line it is cut in may be damaged."""
        stopped = self.done or self.crash
        return not stopped and len(self.problems) == self.last_line_reports

    @property
    def whole(self) -> bool:
        """Whether it has its first line, its last and all vectors, and nothing is damaged."""
        complete = self.done and len(self.shown) == self.announced
        return complete and not (self.problems or self.crash)

    def belongs(self, identity: str) -> bool:
        """Whether a line is of this run's firmware; the first one says which that is."""
        self.identity = self.identity or identity
        if identity != self.identity:
            self.report(f"a line of another firmware, {identity}, in a run of {self.identity}")
        return identity == self.identity

    def take_vector(self, index: int, shown: Shown) -> None:
        """Read the line of a vector."""
        if index in self._seen:
            # Which of the two is the right one nobody can know.
            self.shown.pop(index, None)
            self.report(f"{shown.name}: stands twice in one run, left out")
        elif index < self.last:
            self.report(f"{shown.name}: out of order, left out")
        else:
            self.shown[index] = shown
        self._seen.add(index)
        self.last = max(self.last, index)

    def end(self, announced: int) -> None:
        """Read the last line."""
        self.values.finish()
        if announced != self.announced and self.announced is not None:
            self.report(f"{announced} vectors by the last line, {self.announced} by the first")
        self.done = True


def read_runs(lines: Iterable[str]) -> list[Run]:
    """All runs in a log; lines of others are skipped."""
    log = _Log()
    for line in lines:
        parts = marked(line)
        for kind, rest in parts:
            log.take(kind, rest)
        crash = None if parts else _CRASH.search(plain(line))
        if crash is not None:
            log.crashed(crash[0].rstrip())
    return log.finished()


def _intact(text: str) -> str:
    """What stands in a line between its first word and its checksum; "" where these do not fit."""
    checked = _CHECKED.fullmatch(text)
    if checked is None or zlib.crc32(checked[1].encode()) != int(checked[2], 16):
        return ""
    return checked[1].partition(" ")[2]


class _Log:
    """The runs so far."""

    def __init__(self) -> None:
        self._runs: list[Run] = []

    def take(self, kind: str, rest: str) -> None:
        """Read one line of a firmware of ours."""
        run = self._runs[-1] if self._runs else None
        if kind not in ("selftest", "vector") and (run is None or run.done):
            return  # a board dump, or what else a firmware of ours prints
        text = _intact(f"{kind} {rest}")
        frame = _FRAME.fullmatch(text) if kind == "selftest" else None
        vector = _VECTOR.fullmatch(text) if kind == "vector" else None
        begins = frame is not None and frame[2] == "begin"
        if run is None or run.done or begins:
            run = self._begin()
            if not begins:
                # It may be this very line, and the log be cut in it.
                run.last_line_reports = 0 if kind == "vector" else 1
                run.problems.append("the first line of a run is missing or damaged")
        else:
            run.last_line_reports = 0
        if frame is not None and frame[1] != LOG_VERSION:
            run.report(f"lines of version {frame[1]}, this package reads {LOG_VERSION}")
        elif frame is not None:
            self._frame(run, *frame.groups())
        elif vector is not None:
            self._vector(run, *vector.groups())
        elif kind not in _KINDS_OF_TENSORS or not run.values.take(kind, rest):
            run.report(f"a damaged line: @espdl {kind[:20]} {rest[:60]}")

    def _begin(self) -> Run:
        if self._runs and not self._runs[-1].done:
            self._runs[-1].values.finish()
        self._runs.append(Run())
        return self._runs[-1]

    @staticmethod
    def _frame(run: Run, _: str, kind: str, identity: str, count: str, version: str) -> None:
        if not run.belongs(identity):
            return
        if kind == "done":
            run.end(int(count))
        else:
            run.announced, run.version = int(count), version or ""

    @staticmethod
    def _vector(run: Run, identity: str, index: str, *fields: str) -> None:
        name, kernel, checksum, places, guards, verdict = fields
        in_place = () if places == "-" else tuple(int(one, 16) for one in places.split(","))
        shown = Shown(
            name, kernel, int(checksum, 16), in_place, guards == "untouched", verdict == "equal"
        )
        if run.belongs(identity):
            run.take_vector(int(index), shown)

    def crashed(self, message: str) -> None:
        """Note why a run has stopped; the first message says it."""
        if self._runs and not self._runs[-1].done:
            self._runs[-1].crash = self._runs[-1].crash or message

    def finished(self) -> list[Run]:
        """All runs, in their order."""
        if self._runs and not self._runs[-1].done:
            self._runs[-1].values.finish()
        return self._runs
