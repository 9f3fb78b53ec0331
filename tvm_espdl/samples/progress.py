"""A progress bar or line on stderr, for people who wait; silent where stderr is no terminal.

Must never write to stdout, nor anything that stays on the screen when the work is done.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

_WIDTH = 30

#: Seconds between two drawings of one line.
_REDRAWN = 0.2


def show_progress(
    items: Iterable[Item], total: int | None, *, label: str, enabled: bool | None = None
) -> Iterator[Item]:
    """Pass `items` on, and draw how many of them there were.

    Parameters
    ----------
    items : iterable
        What is worked through.
    total : int, optional
        How many there will be; without it the bar only counts.
    label : str
        What stands before the bar.
    enabled : bool, optional
        Whether to draw; None: if stderr is a terminal.
    """
    if not _is_drawn(enabled):
        yield from items
        return
    # A hundred steps are enough for an eye, and cost nothing however many items there are.
    step = max(1, (total or 0) // 100)
    written = 0
    try:
        for count, item in enumerate(items):
            if count % step == 0:
                line = _line(label, count, total)
                print(f"\r{line:<{written}}", end="", file=sys.stderr, flush=True)
                written = len(line)
            yield item
    finally:
        print(f"\r{'':{written}}\r", end="", file=sys.stderr, flush=True)


class ProgressLine:
    """One line that says what is being done, how often, and for how long; each stage its own.

    It is drawn while `shown` lasts, also while one call takes long.

    Parameters
    ----------
    enabled : bool, optional
        Whether to draw; None: if stderr is a terminal.
    """

    def __init__(self, enabled: bool | None = False) -> None:
        self._enabled = _is_drawn(enabled)
        self._label, self._count = "", 0
        self._written, self._begin = 0, 0.0
        self._ended = threading.Event()
        self._lock = threading.Lock()

    def stage(self, label: str) -> None:
        """Begin to do something else; "" is something that needs no line."""
        with self._lock:
            self._label, self._count, self._begin = label, 0, time.monotonic()
        self._draw()

    def step(self, count: int = 1) -> None:
        """So many more parts of it are done."""
        self._count += count

    @contextlib.contextmanager
    def shown(self) -> Iterator[ProgressLine]:
        """Draw the line during the `with` statement, and wipe it off the screen at its end."""
        clock = threading.Thread(target=self._keep_drawing, name="espdl progress", daemon=True)
        if self._enabled:
            clock.start()
        try:
            yield self
        finally:
            self._ended.set()
            if self._enabled:
                clock.join()
            self.stage("")

    def _keep_drawing(self) -> None:
        while not self._ended.wait(_REDRAWN):
            self._draw()

    def _draw(self) -> None:
        if not self._enabled:
            return
        with self._lock:
            line = ""
            if self._label:
                seconds = time.monotonic() - self._begin
                line = f"{self._label} {self._count or ''}".rstrip() + f" ({seconds:.0f} s)"
            elif not self._written:
                return
            print(
                f"\r{line:<{self._written}}", end="" if line else "\r", file=sys.stderr, flush=True
            )
            self._written = len(line)


def _is_drawn(enabled: bool | None) -> bool:
    if enabled is None:
        return sys.stderr is not None and sys.stderr.isatty()
    return enabled


def _line(label: str, count: int, total: int | None) -> str:
    if not total or count > total:  # one of what was counted may hold several items
        return f"{label} {count}"
    done = min(_WIDTH, _WIDTH * count // total)
    return f"{label} [{'#' * done}{'.' * (_WIDTH - done)}] {count}/{total}"
