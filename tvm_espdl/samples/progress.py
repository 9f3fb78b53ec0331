"""A progress bar on stderr, for people who wait; silent where stderr is no terminal.

Must never write to stdout, nor anything that stays on the screen when the work is done.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

_WIDTH = 30


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
    if enabled is None:
        enabled = sys.stderr is not None and sys.stderr.isatty()
    if not enabled:
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


def _line(label: str, count: int, total: int | None) -> str:
    if not total or count > total:  # one of what was counted may hold several items
        return f"{label} {count}"
    done = min(_WIDTH, _WIDTH * count // total)
    return f"{label} [{'#' * done}{'.' * (_WIDTH - done)}] {count}/{total}"
