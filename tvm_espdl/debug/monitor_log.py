"""The text form of a dump, as it stands in a serial monitor's log among other lines.

Of several runs the last complete one is taken. Runs before it are superseded; of those after it
only a missing tail is forgiven, for the monitor was stopped there: damage in them is a problem.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from pathlib import Path

from ..files.log_bytes import PIECE, PlainLines, log_pieces
from ..files.monitor_lines import MARK, marked
from ..samples.progress import show_progress
from .board_events import HINTS, Event, event_in
from .dump import Dump
from .dump_run import Run
from .printed_dump import read_printed

_MARK = MARK.encode()
#: Data of ours with another task's line in it: what came before it, and that line.
_BROKEN_IN_TWO = re.compile(
    rb"@espdl (data [0-9]{1,9} [0-9]{1,12} [A-Za-z0-9+/]{0,63}?)(?:[EWIDV] \([0-9:.]+\) |"
    rb"[EWIDV] [A-Za-z0-9_-]+: )[^@]*"
)
_OTHER_HALF = re.compile(rb"[A-Za-z0-9+/]{1,64}={0,2}")
#: Lines of others between the two halves of ours.
_MOST_BETWEEN = 20
#: Lines that are read one by one behind one of those.
_ONE_BY_ONE = 64
#: A line of a board in trouble is shorter.
_LONGEST_OF_OTHERS = 4096
#: What is told of events; a board that resets for ever has thousands.
_MOST_NOTES = 10


def read_log(path: Path, *, progress: bool | None = None) -> Dump:
    """Read a monitor's log.

    Parameters
    ----------
    progress : bool, optional
        Whether to draw a bar; None: if stderr is a terminal.

    Raises
    ------
    DataError
        If it cannot be read, or holds nothing of a dump.
    """
    pieces = show_progress(
        log_pieces(path), _pieces_of(path), label=f"reading {path.name}, MB", enabled=progress
    )
    log = Log()
    for piece in pieces:
        log.take_lines(piece)
    dump = log.dump()
    if dump.tensors or dump.checksums or dump.problems or dump.model_id:
        return dump
    other = read_printed(path, happened="; ".join(dump.notes))
    other.notes += dump.notes
    return other


def _pieces_of(path: Path) -> int:
    try:
        return -(-path.stat().st_size // PIECE)
    except OSError:
        return 0  # reading it will say so


def parse_log(text: str) -> Dump:
    """Read the text form from a string; see `parse_pieces`."""
    return parse_pieces([text.encode(errors="replace")])


def parse_pieces(pieces: Iterable[bytes]) -> Dump:
    """Read the text form; of several runs the last complete one wins, else the last.

    Other lines than those of dumps are skipped.
    """
    lines, log = PlainLines(), Log()
    for piece in pieces:
        log.take_lines(lines.feed(piece))
    log.take_lines(lines.end())
    return log.dump()


class Log:
    """The runs of a log, of which only the one that wins is kept, and tensors of the one before.

    Attributes
    ----------
    runs : int
        How many have begun.
    taken : int
        Lines of dumps so far.
    """

    def __init__(self) -> None:
        self.runs = self.taken = 0
        self._run: Run | None = None
        self._best: Run | None = None
        self._damaged: list[str] = []  # of runs after the best
        self._notes: list[str] = []
        self._cut = 0
        self._others: dict[str, int] = {}  # networks of runs before the best, and which run it was
        self._event: Event | None = None
        self._half = b""
        self._between = 0

    @property
    def done(self) -> bool:
        """Whether the run that came last has ended, damaged or not."""
        return self._run is not None and self._run.done

    @property
    def ended(self) -> bool:
        """Whether nothing more can come of the run that came last: it is done, or was cut off."""
        return self._run is not None and (self._run.done or self._run.stopped)

    @property
    def complete(self) -> bool:
        """Whether the run that came last is whole."""
        return self._run is not None and self._run.complete

    @property
    def progress(self) -> tuple[int, bool, int]:
        """Something that is another one after lines that led on."""
        run = self._run
        return self.runs, self.done, 0 if run is None else run.received.steps

    def take_lines(self, lines: bytes) -> None:
        """Read whole lines, as `PlainLines` gives them."""
        listed = lines.split(b"\n")
        marks = [line.find(_MARK) for line in listed]
        places = [place for place, mark in enumerate(marks) if mark >= 0]
        ours = [listed[place][marks[place] :] for place in places]
        alarms = _alarms(listed, [place for place, mark in enumerate(marks) if mark < 0])
        start = at = 0
        while start < len(listed):
            if self._half or self._event is not None:
                start += self._take_all(listed[start : start + _ONE_BY_ONE])
                at = bisect_left(places, start)
                continue
            alarm = alarms[bisect_left(alarms, start)]
            ahead = ours[at : bisect_left(places, alarm)]
            taken = self._take_ours(ahead)
            at += taken
            if taken < len(ahead) or self._half or self._event is not None:
                start = places[at - 1] + 1
                continue
            self._take_all(listed[alarm : alarm + 1])
            start = alarm + 1

    def _take_ours(self, ours: list[bytes]) -> int:
        """Read lines from their marks on, until one wants those of others behind it; how many."""
        number = 0
        while number < len(ours) and not self._half and self._event is None:
            run = self._run
            taken = 0 if run is None else run.take_full_lines(ours, number)
            if not taken:
                self._take_line(ours[number])
                self._look_for_event(ours[number])
            number += taken or 1
            self.taken += taken
        return number

    def _take_all(self, listed: list[bytes]) -> int:
        """Read lines one by one, for what others' say of the board or part, too; how many.

        It stops where lines may be read fast again.
        """
        for number, line in enumerate(listed, 1):
            at = line.find(_MARK)
            if at >= 0:
                self._take_line(line[at:])
            elif self._half and line:
                self._look_for_other_half(line)
            self._look_for_event(line)
            if not self._half and self._event is None:
                return number
        return len(listed)

    def _look_for_event(self, line: bytes) -> None:
        event = None
        if len(line) < _LONGEST_OF_OTHERS and any(hint in line for hint in HINTS):
            event = event_in(line)
        if event is not None:
            self._happened(event)
        elif self._event is not None and not self._event.goes_on(line):
            self._event = None

    def _take_line(self, line: bytes) -> None:
        self._give_up_half()
        broken = _BROKEN_IN_TWO.fullmatch(line)
        if broken is not None:
            self._half, self._between = broken[1], 0
            self.taken += 1
            return
        dumped = [m for m in marked(line.decode(errors="replace")) if m[0] != "profile"]
        for kind, rest in dumped:
            self._take(kind, rest)
        self.taken += bool(dumped)

    def _look_for_other_half(self, line: bytes) -> None:
        """Put a line of data together again; the checksum of its tensor says whether it is it."""
        self._between += 1
        text = line.strip()
        half = self._half.rpartition(b" ")[2]
        if _OTHER_HALF.fullmatch(text) and len(half) + len(text) <= 64:
            kind, _, rest = (self._half + text).decode().partition(" ")
            self._half = b""
            self._take(kind, rest)
        elif self._between > _MOST_BETWEEN:
            self._give_up_half()

    def _give_up_half(self) -> None:
        if self._half:
            kind, _, rest = self._half.decode().partition(" ")
            self._half = b""
            self._run_of(kind).report(f"another line stands in the middle of: @espdl {kind} {rest}")

    def _take(self, kind: str, rest: str) -> None:
        """Read one line of a dump."""
        run = self._run_of(kind)
        run.take(kind, rest)
        if run.complete:
            self._others[run.dump.model_id] = self.runs
            if len(self._others) > _MOST_NOTES:
                del self._others[next(iter(self._others))]
            before = self._best
            if before is not None and before.dump.model_id == run.dump.model_id:
                run.dump.earlier = before.dump.tensors
            self._best, self._damaged, self._cut = run, [], 0

    def _run_of(self, kind: str) -> Run:
        """The run that a line belongs to."""
        run = self._run
        if run is None or run.done or run.stopped or kind == "begin":
            self._set_aside()
            run = self._run = Run(headless=kind != "begin")
            self.runs += 1
        return run

    def _happened(self, event: Event) -> None:
        self._event = event
        run = self._run
        if run is not None and not run.done and not run.stopped:
            run.happened(event)
        elif event.stop:
            where = "before the first run" if run is None else f"after run {self.runs} of the log"
            self._note(f"{where}: {event}")

    def _note(self, text: str) -> None:
        if len(self._notes) < _MOST_NOTES:
            self._notes.append(text)

    def _set_aside(self) -> None:
        """Keep of the last run only what must be said of it."""
        self._give_up_half()
        run = self._run
        if run is None or run is self._best:
            return
        for event in run.events:
            self._note(f"in the middle of run {self.runs} of the log {event}")
        if run.only_cut:
            self._cut += 1
        elif len(self._damaged) < _MOST_NOTES:
            problem = run.finished().problems[0]
            self._damaged.append(f"run {self.runs} of the log is damaged: {problem}")

    def dump(self) -> Dump:
        """Of the run that wins; empty where there is none."""
        self._give_up_half()
        if self._run is None:
            return Dump(by_firmware=True, notes=self._notes)
        if self._best is None:
            dump = self._run.finished()
            dump.notes += self._notes
            if self.runs > 1:
                dump.notes.append(f"none of {self.runs} runs is complete, the last is taken")
            return dump
        self._set_aside()
        dump = self._best.dump
        dump.problems += self._damaged
        dump.notes += [f"during the run {event}" for event in self._best.events]
        dump.notes += self._notes
        dump.notes += [
            f"run {number} of the log is of another network, {model_id}: to compare that, give the "
            "part of the log with it alone"
            for model_id, number in self._others.items()
            if model_id != dump.model_id
        ]
        if self._cut:
            dump.notes.append(f"{self._cut} runs that did not end are left out")
        return dump


def _alarms(listed: list[bytes], others: list[int]) -> list[int]:
    """Those of others' lines that may say something of the board; how many lines, as the last."""
    text = b"\n".join([listed[number] for number in others])
    if not any(hint in text for hint in HINTS):
        return [len(listed)]
    wanted = (n for n in others if any(hint in listed[n] for hint in HINTS))
    return [*wanted, len(listed)]
