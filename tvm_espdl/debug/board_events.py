"""What ESP-IDF prints when a board is in trouble: panics, resets, watchdogs, brownouts.

The shapes are those of ESP-IDF 5 and 6, with or without levels, times and names in front of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: One of these stands in every line that `event_in` can find something in.
HINTS = (
    *(b"rst:0x", b"Guru Meditation", b"abort() was called", b"assert failed", b"***ERROR***"),
    *(b"CORRUPT HEAP", b"Brownout detector", b"Stack smashing", b"watchdog got triggered"),
    b"chip revision check failed",
)

_RESET = re.compile(rb"(?:^|[\s>])(rst:0x[0-9a-fA-F]+(?: \([A-Za-z0-9_]+\))?)")
_STOP = re.compile(
    rb"(Guru Meditation Error|abort\(\) was called|assert failed|\*\*\*ERROR\*\*\*|CORRUPT HEAP"
    rb"|Brownout detector was triggered|Stack smashing protect failure"
    rb"|chip revision check failed)[^\r\n]*"
)
_WATCHDOG = re.compile(rb"Task watchdog got triggered")
#: Under a watchdog's first line: who did not reset it, then what the cores do.
_STARVED = re.compile(rb"task_wdt: +- (\S.*?)\s*$")
_RUNNING = re.compile(rb"task_wdt: CPU [0-9]+: (\S.*?)\s*$")
_MOST_LINES = 6
_LONGEST = 200


@dataclass
class Event:
    """Something that has happened to the board.

    Attributes
    ----------
    text : str
        What, as part of a sentence.
    reset : bool
        Whether it starts again, so that nothing behind it belongs to what was before.
    stop : bool
        Whether it stops the firmware.
    """

    text: str
    reset: bool = False
    stop: bool = False
    #: Whether it is the watchdog's; its tasks, as they are listed; lines since.
    watchdog: bool = False
    starved: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    lines: int = 0

    def __str__(self) -> str:
        if not self.starved:
            return self.text
        while_ = f" while {', '.join(self.running)} ran" if self.running else ""
        return f"{self.text}: {', '.join(self.starved)} got no time{while_}"

    def goes_on(self, line: bytes) -> bool:
        """Look for the tasks' names in a line behind a watchdog's; False where no more can come."""
        self.lines = 0 if b"task_wdt" in line else self.lines + 1
        if found := _STARVED.search(line):
            self.starved = (*self.starved, _text(found[1]))[:8]
        elif found := _RUNNING.search(line):
            self.running = (*self.running, _text(found[1]))[:8]
        return self.watchdog and self.lines < _MOST_LINES


def event_in(line: bytes) -> Event | None:
    """What a line says of the board; None for most."""
    if found := _STOP.search(line):
        return Event(f"the firmware stopped: {_text(found[0])}", stop=True)
    if _WATCHDOG.search(line):
        return Event("the task watchdog was triggered", watchdog=True)
    if found := _RESET.search(line):
        return Event(f"the board was reset: {_text(found[1])}", reset=True)
    return None


def _text(found: bytes) -> str:
    return " ".join(found.decode(errors="replace").split())[:_LONGEST]
