"""Runs pytest again and again, in children of one process that has loaded the libraries already.

    python scripts/forked_pytest.py

A request is a line of JSON on standard input: `tree`, where to run; `arguments` of pytest;
`seconds`, how long; `apart`, a folder for what tests write. The answer is one on standard output:
`outcome` (`passed`, `failed`, `late`), `test`, the one that failed or was running, and `running`,
for how many seconds. Only what others made is loaded before: a child imports its tree itself.
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

#: Slow to import, and none of it changes with a tree.
LIBRARIES = ("numpy", "onnx", "onnxruntime", "jinja2", "hypothesis", "tvm", "tvm.relax", "pytest")

PASSED, FAILED, LATE = "passed", "failed", "late"
_NO_TESTS = 5  # of pytest: none collected


def main() -> None:
    """Answer requests until there are no more."""
    here = str(Path(__file__).parent)
    paths = [path for path in sys.path if path and Path(path).resolve() != Path(here).resolve()]
    sys.path[:] = [path for path in paths if not (Path(path) / "tvm_espdl").is_dir()]
    for name in LIBRARIES:
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
        return _followed(child, told, time.monotonic() + request["seconds"])
    finally:
        os.close(told)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # compilers and emulators of its own
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child, 0)


def _followed(child: int, told: int, end: float) -> dict[str, Any]:
    """What becomes of a child, by the lines that it tells."""
    pending, test, since, outcome = b"", "", time.monotonic(), ""
    status: int | None = None
    while not outcome:
        ready, _, _ = select.select([told], [], [], 0.05 if status is None else 0)
        pending += os.read(told, 65536) if ready else b""
        *lines, pending = pending.split(b"\n")
        for line in lines:
            kind, _, test = line.decode().partition(" ")
            since = time.monotonic()
            if kind == FAILED:
                outcome = FAILED
                break
        if outcome:
            break
        if status is not None:
            passed = os.WIFEXITED(status) and os.WEXITSTATUS(status) in (0, _NO_TESTS)
            outcome = PASSED if passed else FAILED
        else:
            pid, code = os.waitpid(child, os.WNOHANG)
            status = code if pid == child else None
            if status is None and time.monotonic() > end:
                outcome = LATE
    return {"outcome": outcome, "test": test, "running": time.monotonic() - since}


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
