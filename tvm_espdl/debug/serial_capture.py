"""Listens to a board's serial line until its dump is there.

Needs pyserial, which is asked for only here. It starts no thread but that of the progress line,
which ends with it.
"""

from __future__ import annotations

import errno
import importlib
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import DataError, ToolError
from ..files.log_bytes import PlainLines
from ..files.output_files import check_new, write_whole
from ..samples.progress import ProgressLine
from .dump import Dump
from .monitor_log import Log

DEFAULT_BAUD = 115200
DEFAULT_SECONDS = 30.0
#: Seconds for which one read waits.
_PATIENCE = 0.1
#: Seconds of silence after which a run that has ended damaged is taken all the same.
_QUIET = 1.0
#: Runs of which none is whole; a line that damages them all will not get better.
_MOST_RUNS = 5
_MOST_SHOWN = 200
#: What pyserial raises of ports, of URLs that are none, and of options that they do not have.
_OPENING_ERRORS = (
    *(OSError, ValueError, TypeError, LookupError, AttributeError, OverflowError, ImportError),
    re.error,
)
#: What helps where something else than a dump comes.
_OF_LINES = "a firmware built with TVM_ESPDL_DUMP; the line's speed (--baud)"


def capture(
    port: str,
    *,
    baud: int = DEFAULT_BAUD,
    log: str | os.PathLike[str] | None = None,
    seconds: float = DEFAULT_SECONDS,
    reset: bool = True,
    progress: bool | None = None,
) -> Dump:
    """Read a serial line until one run of a firmware's dump has come whole.

    Parameters
    ----------
    port : str
        As pyserial takes it: `/dev/ttyUSB0`, `COM3`, a URL.
    baud : int
        Speed of the line.
    log : path, optional
        A file for everything that has come; it is written in any case, also where no dump came.
    seconds : float
        How long to wait for the next line that leads on in a dump.
    reset : bool
        Whether to restart the board first, as monitors do, by the line's RTS and DTR.
    progress : bool, optional
        Whether to draw a line of progress; None: if stderr is a terminal.

    Returns
    -------
    Dump
        Of the last whole run; where the line fell silent in the middle of one, of what came.

    Raises
    ------
    ToolError
        If pyserial is not installed.
    DataError
        If the port cannot be opened or is lost before anything of a dump came, or none comes in
        time.
    OutputError
        If the log exists or cannot be written.
    """
    if not seconds >= 0:
        raise DataError("no time to wait", where="seconds", found=seconds, allowed="0 and above")
    if log is not None:
        check_new(log)
    line = _opened(port, baud)
    listening = _Listening(port, seconds)
    try:
        if reset:
            _restart(line)
        with ProgressLine(progress).shown() as shown:
            shown.stage(f"listening to {port}")
            listening.listen(line, shown)
    finally:
        line.close()
        if log is not None:
            write_whole(Path(log), bytes(listening.received))
    return listening.dump()


class _Listening:
    """What has come so far, and when."""

    def __init__(self, port: str, seconds: float) -> None:
        self.received = bytearray()
        self._port, self._seconds = port, seconds
        self._lines, self._log = PlainLines(), Log()
        self._lost = ""

    def listen(self, line: Any, shown: ProgressLine) -> None:
        """Read until there is a whole run, or nothing of one comes any more."""
        last_byte = last_line = time.monotonic()
        while not self._log.complete:
            try:
                data = line.read(max(1, line.in_waiting))
            except OSError as error:  # pyserial's own exception is one
                self._lost = error.strerror or str(error)
                return
            now = time.monotonic()
            if data:
                self.received += data
                last_byte = now
                count, progress = self._log.taken, self._log.progress
                self._log.take_lines(self._lines.feed(data))
                if self._log.taken > count:
                    shown.step(self._log.taken - count)
                if self._log.progress != progress:
                    last_line = now
            elif self._log.done and now - last_byte > _QUIET:
                return
            # A board may also reset for ever in the middle of a run; the reset itself may be lost.
            if self._log.runs >= (_MOST_RUNS if self._log.ended else 2 * _MOST_RUNS):
                return
            if now - last_line > self._seconds:
                return

    def dump(self) -> Dump:
        """The dump; an error where there is nothing of one."""
        self._log.take_lines(self._lines.end())
        if self._log.runs:
            found = self._log.dump()
            if self._lost:
                found.problems.append(f"{self._port} was lost: {self._lost}")
            return found
        if self._lost:
            raise DataError("the port was lost", where=self._port, found=self._lost)
        lines = self.received.decode(errors="replace").splitlines()
        last = f", the last line of them {lines[-1][:_MOST_SHOWN]!r}" if lines else ""
        happened = "".join(f"; {note}" for note in self._log.dump().notes)
        raise DataError(
            f"no dump came within {self._seconds:g} seconds",
            where=self._port,
            found=f"{len(self.received)} bytes{last}{happened}",
            try_=f"{_OF_LINES if lines else 'another port'}; the reset button; a longer --timeout",
        )


def _opened(port: str, baud: int) -> Any:
    try:
        serial = importlib.import_module("serial")
    except ImportError:
        raise ToolError(
            "pyserial is not installed",
            where="--port",
            try_='pip install "tvm-espdl[serial]", or save the log with any monitor, for --dump',
        ) from None
    try:
        return serial.serial_for_url(port, baudrate=baud, timeout=_PATIENCE)
    except _OPENING_ERRORS as error:
        raise _unopened(port, error) from error


def _unopened(port: str, error: Exception) -> DataError:
    number = getattr(error, "errno", None)
    found: str = os.strerror(number) if number else str(error)
    tries = {
        errno.EACCES: "membership of the port's group (sudo usermod -a -G dialout $USER, then log "
        "in again)",
        errno.EBUSY: "closing the monitor that has it open",
        errno.ENOENT: "ls /dev/ttyUSB* /dev/ttyACM* shows which ports there are",
    }
    return DataError(
        "the port cannot be opened", where=port, found=found, try_=tries.get(number or 0, "")
    )


def _restart(line: Any) -> None:
    """Pull the board's reset low for a moment, with its boot pin high."""
    steps: tuple[Callable[[], None], ...] = (
        lambda: setattr(line, "dtr", False),
        lambda: setattr(line, "rts", True),
        lambda: time.sleep(_PATIENCE),
        lambda: setattr(line, "rts", False),
    )
    try:
        for step in steps:
            step()
    except OSError:
        return  # a line without these wires; the user is told of the reset button if nothing comes
