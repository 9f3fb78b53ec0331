"""The edge of the command line: whatever a command raises becomes one message and a status.

What is the user's or the world's fault gives 2, never a traceback; so does what nobody foresaw,
with a way to its details.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

from ..errors import EspdlError
from ..report.text import visible

#: The status that shells give a process which the user ends.
INTERRUPTED = 130
WRONG = 2


def prepare_streams() -> bool:
    """Make both streams take every character; whether there is a standard output at all.

    A terminal that cannot show a character gets an escape in its place.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    return sys.stdout is not None


def complain(text: str) -> None:
    """Print a line to standard error, where there is one that still takes it.

    Names are data of strangers: of what a terminal would obey, only the ends of lines are sent.
    """
    if sys.stderr is None:
        return  # `print` would take standard output for it
    shown = "\n".join(map(visible, text.expandtabs().split("\n")))
    try:
        print(f"tvm-espdl: {shown}", file=sys.stderr, flush=True)
    except OSError:
        _silence(sys.stderr)


def say(line: str) -> None:
    """Print a line about files: their names are data, of which a terminal obeys nothing."""
    print(visible(line))


def guarded(run: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    """The status of a command, whatever becomes of it."""
    if not prepare_streams():
        complain("error: standard output is closed; try: > /dev/null to see nothing")
        return WRONG
    interrupts: list[int] = []
    try:
        with _noted(interrupts):
            status = run(arguments)
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader, `head` for example, has seen enough.
        _silence(sys.stdout)
        return int(arguments.verdict)
    except BaseException as error:
        if isinstance(error, SystemExit):
            raise
        if arguments.traceback:
            traceback.print_exc()
        # Where it falls into a function of TVM's or a compiler's run, that ends in another error.
        interrupted = bool(interrupts) or isinstance(error, KeyboardInterrupt)
        status = INTERRUPTED if interrupted else WRONG
        complain("interrupted" if interrupted else _message(error))
        _flush()
    return status


@contextmanager
def _noted(interrupts: list[int]) -> Iterator[None]:
    """Note that the user has interrupted, beside the exception that Python raises for it."""

    def note(number: int, frame: FrameType | None) -> None:
        interrupts.append(number)
        signal.default_int_handler(number, frame)

    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # somebody else's, or ignored
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _message(error: BaseException) -> str:
    """One line, or a few, for the user."""
    if isinstance(error, EspdlError):
        return f"error: {error}"
    if isinstance(error, MemoryError):
        text = f": {error}" if str(error) else ""
        return f"error: there is not enough memory{text}; try: a smaller model, or less data"
    if isinstance(error, OSError):
        where = f"{error.filename!r}: " if error.filename is not None else ""
        return f"error: {where}{error.strerror or error}; try: look at the disk and its rights"
    text = next(iter(str(error).strip().splitlines()), "")
    return (
        f"error: a fault of tvm-espdl itself, {type(error).__name__}: {text[:500]}; "
        "try: --traceback shows where; please report it, with the model where you may"
    )


def _flush() -> None:
    try:
        sys.stdout.flush()
    except OSError:
        _silence(sys.stdout)


def _silence(stream: TextIO) -> None:
    """Nothing more can be written to it, and Python would complain about that at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
