"""Runs pytest again and again, in children of one process that has loaded the libraries already.

    python scripts/forked_pytest.py [LIBRARY ...]

A request is a line of JSON on standard input: `tree`, where to run; `arguments` of pytest;
`seconds`, how long; `apart`, a folder for what tests write. The answer is one on standard output:
`outcome` (`passed`, `failed`, `late`), `test`, the one that failed or was running, `running`, for
how many seconds, and `spent`, how many in all. Seconds are those of processors: other work on the
machine decides nothing. A child imports its tree itself.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

PASSED, FAILED, LATE = "passed", "failed", "late"
_NO_TESTS = 5  # of pytest: none collected
#: Times its seconds that a child may wait for whatever it waits for.
_IDLE = 20


def main() -> None:
    """Answer requests until there are no more."""
    here = str(Path(__file__).parent)
    paths = [path for path in sys.path if path and Path(path).resolve() != Path(here).resolve()]
    sys.path[:] = [path for path in paths if not (Path(path) / "tvm_espdl").is_dir()]
    for name in sys.argv[1:]:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), flush=True)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    told, tells = os.pipe()
    child = os.fork()
    if child == 0:
        _run(request, tells)
    os.close(tells)
    try:
        return _followed(child, told, request["seconds"])
    finally:
        os.close(told)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # compilers and emulators of its own
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child, 0)


def _followed(child: int, told: int, seconds: float) -> dict[str, Any]:
    """What becomes of a child, by the lines that it tells."""
    pending, test, outcome, spent, since = b"", "", "", 0.0, 0.0
    status: int | None = None
    begin = looked = time.monotonic()
    while not outcome:
        ready, _, _ = select.select([told], [], [], 0.05 if status is None else 0)
        pending += os.read(told, 65536) if ready else b""
        *lines, pending = pending.split(b"\n")
        for line in lines:
            kind, _, test = line.decode().partition(" ")
            since = spent
            if kind == FAILED:
                outcome = FAILED
                break
        if outcome:
            break
        if status is not None:
            passed = os.WIFEXITED(status) and os.WEXITSTATUS(status) in (0, _NO_TESTS)
            outcome = PASSED if passed else FAILED
            break
        pid, code = os.waitpid(child, os.WNOHANG)
        status = code if pid == child else None
        now = time.monotonic()
        if status is None and now - looked > 1:
            looked, spent = now, _processor_seconds(child)
            if spent > seconds or now - begin > _IDLE * seconds:
                outcome = LATE
    return {"outcome": outcome, "test": test, "running": spent - since, "spent": spent}


def _processor_seconds(session: int) -> float:
    """What all processes of a session have taken so far."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        if int(fields[3]) == session:
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _run(request: dict[str, Any], tells: int) -> NoReturn:
    status = 3
    try:
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        os.chdir(request["tree"])
        sys.path.insert(0, request["tree"])
        named = {"PYTHONPATH": request["tree"], "OMP_NUM_THREADS": "1", "TMPDIR": request["apart"]}
        os.environ.update(named)
        pytest = importlib.import_module("pytest")
        options = ["-q", "-x", "-p", "no:cacheprovider", f"--basetemp={request['apart']}/tests"]
        status = pytest.main([*options, *request["arguments"]], plugins=[_Teller(tells)])
    finally:
        os._exit(int(status))


class _Teller:
    """Tells which test begins, and which fails."""

    def __init__(self, tells: int) -> None:
        self._tells = tells

    def _tell(self, kind: str, test: str) -> None:
        os.write(self._tells, f"{kind} {test}\n".encode())

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Pytest's hook."""
        self._tell("begins", nodeid)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Pytest's hook."""
        if report.failed:
            self._tell(FAILED, report.nodeid)

    def pytest_collectreport(self, report: Any) -> None:
        """Pytest's hook."""
        if report.failed:
            self._tell(FAILED, report.nodeid)


if __name__ == "__main__":
    main()
