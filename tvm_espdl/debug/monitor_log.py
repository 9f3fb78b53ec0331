"""The text form of a dump, as it stands in a serial monitor's log among other lines.

Of several runs the last complete one is taken. Runs before it are superseded; of those after it
only a missing tail is forgiven, for the monitor was stopped there: damage in them is a problem.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from pathlib import Path

from ..errors import DataError
from ..files.monitor_lines import log_lines, marked
from ..files.printed_tensors import PrintedTensors
from .dump import Dump

_BEGIN = re.compile(r"(v\S*) (\S+) ([0-9]{1,9})")
_DONE = re.compile(r"([0-9]{1,9})")


def read_log(path: Path) -> Dump:
    """Read a monitor's log.

    Raises
    ------
    DataError
        If it cannot be read, or holds nothing of a dump.
    """
    dump = parse_lines(log_lines(path))
    if not (dump.tensors or dump.checksums or dump.problems or dump.model_id):
        raise DataError(
            "the log holds no dump",
            where=str(path),
            allowed="lines that start with @espdl",
            try_="build the firmware with TVM_ESPDL_DUMP (see crt_config.h)",
        )
    return dump


def parse_log(text: str) -> Dump:
    """Read the text form from a string; see `parse_lines`."""
    return parse_lines(io.StringIO(text, newline=None))


def parse_lines(lines: Iterable[str]) -> Dump:
    """Read the text form; of several runs the last complete one wins, else the last.

    Other lines than those of dumps are skipped.
    """
    log = _Log()
    for line in lines:
        for kind, rest in marked(line):
            if kind != "profile":
                log.take(kind, rest)
    return log.dump()


class _Log:
    """The runs of a log, of which only the one that wins is kept."""

    def __init__(self) -> None:
        self._number = 0
        self._run: _Run | None = None
        self._best: _Run | None = None
        self._damaged: list[str] = []  # of runs after the best
        self._cut = 0

    def take(self, kind: str, rest: str) -> None:
        """Read one line of a dump."""
        run = self._run
        if run is None or run.done or kind == "begin":
            self._set_aside()
            run = self._run = _Run(headless=kind != "begin")
            self._number += 1
        run.take(kind, rest)
        if run.complete:
            self._best, self._damaged, self._cut = run, [], 0

    def _set_aside(self) -> None:
        """Keep of the last run only what must be said of it."""
        run = self._run
        if run is None or run is self._best:
            return
        if run.only_cut:
            self._cut += 1
        else:
            problem = run.finished().problems[0]
            self._damaged.append(f"run {self._number} of the log is damaged: {problem}")

    def dump(self) -> Dump:
        """Of the run that wins; empty where there is none."""
        if self._run is None:
            return Dump(by_firmware=True)
        if self._best is None:
            dump = self._run.finished()
            if self._number > 1:
                dump.notes.append(f"none of {self._number} runs is complete, the last is taken")
            return dump
        self._set_aside()
        dump = self._best.dump
        dump.problems += self._damaged
        if self._cut:
            dump.notes.append(f"{self._cut} runs that did not end are left out")
        return dump


class _Run:
    """One run of the network, from its `begin` line on; that is lost of a `headless` one."""

    def __init__(self, headless: bool) -> None:
        self._received = PrintedTensors(self.report)
        self.dump = Dump(
            self._received.tensors,
            self._received.checksums,
            self._received.exponents,
            by_firmware=True,
        )
        if headless:
            self.dump.problems.append("the first line of a run is missing")
        self.done = False
        self._announced: int | None = None
        self._last_line_reports = 0

    @property
    def complete(self) -> bool:
        """Whether it ended, and nothing of it is damaged or lost."""
        return self.done and not self.dump.problems

    @property
    def only_cut(self) -> bool:
        """Whether nothing but its tail is missing; the line it is cut in may be damaged."""
        return not self.done and len(self.dump.problems) == self._last_line_reports

    def report(self, problem: str) -> None:
        """Note a problem of the line that is being read."""
        self.dump.problems.append(problem)
        self._last_line_reports += 1

    def take(self, kind: str, rest: str) -> None:
        """Read one line of it."""
        self._last_line_reports = 0
        if kind == "begin" and (fields := _BEGIN.fullmatch(rest)):
            self._begin(*fields.groups())
        elif kind == "done" and (fields := _DONE.fullmatch(rest)):
            self._done(int(fields[1]))
        elif not self._received.take(kind, rest):
            self.report(f"a damaged line: @espdl {kind[:20]} {rest[:60]}")

    def _begin(self, version: str, model_id: str, tensors: str) -> None:
        if version != "v1":
            self.report(f"dump format {version}, this version reads v1")
        self.dump.model_id = model_id
        self._announced = int(tensors)

    def _done(self, tensors: int) -> None:
        self.done = True
        self._received.finish()
        received = self._received.received
        if not tensors == received == self._announced:
            announced = "an unknown number" if self._announced is None else self._announced
            self.report(
                f"the run is not complete: {received} tensors came, the first line says "
                f"{announced}, the last one {tensors}"
            )

    def finished(self) -> Dump:
        """The dump, with whatever never ended among its problems."""
        self._received.finish()
        if not self.done:
            self.report("the run is not complete: its last line is missing")
        return self.dump
