"""One run of a network on a board, as its firmware has printed it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..files.printed_tensors import PrintedTensors
from .board_events import Event
from .dump import Dump

_BEGIN = re.compile(r"(v\S{0,9}) (\S{1,64}) ([0-9]{1,9})")
_DONE = re.compile(r"([0-9]{1,9})")
#: Problems that are told one by one; what is all noise has millions.
_MOST_PROBLEMS = 50


class Run:
    """One run of the network, from its `begin` line on; that is lost of a `headless` one.

    Attributes
    ----------
    dump : Dump
        What has come so far.
    received : PrintedTensors
        Its tensors.
    done : bool
        Whether its last line has come.
    stopped : bool
        Whether the board was reset before that.
    events : list of Event
        What happened to the board meanwhile.
    """

    def __init__(self, headless: bool) -> None:
        self.received = PrintedTensors(self.report)
        self.dump = Dump(
            self.received.tensors,
            self.received.checksums,
            self.received.exponents,
            indices=self.received.indices,
            by_firmware=True,
        )
        self.done = self.stopped = False
        self.events: list[Event] = []
        self._announced: int | None = None
        self._reports = self._last_line_reports = 0
        if headless:
            self._add("the first line of a run is missing")

    @property
    def complete(self) -> bool:
        """Whether it ended, and nothing of it is damaged or lost."""
        return self.done and not self.dump.problems

    @property
    def only_cut(self) -> bool:
        """Whether nothing but its tail is missing; the line it is cut in may be damaged."""
        return not self.done and self._reports == self._last_line_reports

    def report(self, problem: str) -> None:
        """Note a problem of the line that is being read."""
        self._add(problem)
        self._last_line_reports += 1

    def _add(self, problem: str) -> None:
        self._reports += 1
        if self._reports <= _MOST_PROBLEMS:
            self.dump.problems.append(problem)

    def happened(self, event: Event) -> None:
        """Note what happened to the board."""
        self.stopped = self.stopped or event.reset
        if len(self.events) < _MOST_PROBLEMS:
            self.events.append(event)

    def take_full_lines(self, lines: Sequence[bytes], start: int) -> int:
        """Read the lines of data that are whole, from number `start` on; how many there are."""
        taken = self.received.take_full_lines(lines, start)
        self._last_line_reports = 0 if taken else self._last_line_reports
        return taken

    def take(self, kind: str, rest: str) -> None:
        """Read one line of it."""
        self._last_line_reports = 0
        if kind == "begin" and (fields := _BEGIN.fullmatch(rest)):
            self._begin(*fields.groups())
        elif kind == "done" and (fields := _DONE.fullmatch(rest)):
            self._done(int(fields[1]))
        elif not self.received.take(kind, rest):
            self.report(f"a damaged line: @espdl {kind[:20]} {rest[:60]}")

    def _begin(self, version: str, model_id: str, tensors: str) -> None:
        if version != "v1":
            self.report(f"dump format {version}, this version reads v1")
        self.dump.model_id = model_id
        self._announced = int(tensors)

    def _done(self, tensors: int) -> None:
        self.done = True
        self.received.finish()
        received = self.received.received
        if not tensors == received == self._announced:
            announced = "an unknown number" if self._announced is None else self._announced
            self.report(
                f"the run is not complete: {received} tensors came, the first line says "
                f"{announced}, the last one {tensors}"
            )

    def finished(self) -> Dump:
        """The dump, with whatever never ended among its problems."""
        self.received.finish()
        untold = self._reports - len(self.dump.problems)
        if untold > 0:
            self.dump.problems.append(f"{untold} problems more")
        if not self.done:
            why = "".join(f"; {event}" for event in self.events)
            self.dump.problems.append(f"the run is not complete: its last line is missing{why}")
        return self.dump
