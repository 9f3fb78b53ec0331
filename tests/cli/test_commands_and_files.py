"""Commands in any order, killed anywhere, among files of the user: whole or not at all.

Each command runs in a process of its own; one that is to be killed kills itself with SIGKILL before
the file operation of a drawn number, so that nothing is tidied up behind it.
"""

import io
import os
import signal
import sys
import traceback
import warnings
from contextlib import redirect_stderr, redirect_stdout

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from qdq_networks import floats, network, node, quantize

from tvm_espdl.cli import main

#: What Python tells before it changes something on the disk.
CHANGES = ("os.rename", "os.link", "os.symlink", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")

CALIBRATED = ("quantize", "--input_model", "f.onnx", "--calibrate_dataset", "c.npy")
ESPDL = ("export", "--model_path", "q.onnx", "--format", "espdl")

#: Arguments of each command, and the outputs that it writes, by what it is called here.
COMMANDS = {
    "preprocess": (["preprocess", "--input", "f.onnx", "--output", "a"], ["a"]),
    "quantize": (
        [*CALIBRATED, "--no_measure", "--recover", "none", "--output_model", "a"],
        ["a"],
    ),
    "quantize with a report": (
        [*CALIBRATED, "--recover", "none", "--output_model", "a", "--report", "b.json"],
        ["a", "b.json"],
    ),
    "project": (["export", "--model_path", "q.onnx", "--out_path", "a"], ["a"]),
    "espdl": (
        [*ESPDL, "--out_path", "a", "--info", "--json"],
        ["a", "a.info", "a.json"],
    ),
    "run": (
        ["run", "q.onnx", "--input", "x.npy", "--output", "b.npy", "--dump", "a"],
        ["b.npy", "a"],
    ),
    "check": (["check", "q.onnx", "--html", "a"], ["a"]),
    "evaluate": (["evaluate", "q.onnx", "--html", "a", "--json", "b.json"], ["a", "b.json"]),
}
NAMES = ("a", "a.info", "a.json", "b.json", "b.npy")


def contents(path):
    """Of a file, or of all files in a folder; None where nothing is."""
    if path.is_dir() and not path.is_symlink():
        return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}
    return path.read_bytes() if path.is_file() else None


def entries(folder):
    return {path.name for path in folder.iterdir()}


def in_a_process(folder, arguments, before=None):
    """Status of a command, or None where it has been killed, before a change of that number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads, of which none is needed
        child = os.fork()
    if child == 0:
        _run(folder, arguments, before)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return None
    return os.WEXITSTATUS(status)


def _run(folder, arguments, before):
    status = 99
    try:
        os.chdir(folder)
        if before is not None:
            sys.addaudithook(_Killer(folder, before))
        said = io.StringIO()
        with warnings.catch_warnings(), redirect_stdout(said), redirect_stderr(said):
            warnings.simplefilter("ignore")
            status = main(arguments)
        if "Traceback" in said.getvalue() or "fault of tvm-espdl" in said.getvalue():
            status = 98
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


class _Killer:
    """Ends the process before a change in a folder."""

    def __init__(self, folder, before):
        self.folder, self.left = str(folder), before

    def __call__(self, event, arguments):
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_ACCMODE
        if not (writes or event in CHANGES) or not self._inside(arguments[0]):
            return
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def _inside(self, path):
        try:
            place = os.path.abspath(os.fsdecode(path))  # noqa: PTH100
        except TypeError:
            return False
        return place.startswith(self.folder)


def inputs(folder):
    gemm = network([node("Gemm", "x w", "y")], {"x": (1, 4)}, {"y": (1, 3)}, {"w": floats(4, 3)})
    onnx.save(gemm, folder / "f.onnx")
    onnx.save(quantize(gemm)[0].model, folder / "q.onnx")
    np.save(folder / "c.npy", floats(8, 4))
    np.save(folder / "x.npy", floats(1, 4))


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """Contents of the inputs, and of what each command writes where nothing is in its way."""
    given = tmp_path_factory.mktemp("inputs")
    inputs(given)
    written = {}
    for command, (arguments, outputs) in COMMANDS.items():
        folder = tmp_path_factory.mktemp(command)
        inputs(folder)
        assert in_a_process(folder, arguments) == 0, command
        written[command] = {name: contents(folder / name) for name in outputs}
        assert None not in written[command].values()
        assert entries(folder) == entries(given) | {*outputs}
    return contents(given), written


def machine_of(reference, tmp_path_factory, killed):
    given, written = reference

    class Commands(RuleBasedStateMachine):
        """A folder with the inputs, the user's files, and what commands have written."""

        @initialize()
        def begin(self):
            self.folder = tmp_path_factory.mktemp("work")
            for name, data in given.items():
                (self.folder / name).write_bytes(data)
            self.there = {}  # what stands under a name, as it has to be

        @rule(name=st.sampled_from(NAMES), kind=st.sampled_from(("file", "folder", "link")))
        def the_user_writes(self, name, kind):
            path = self.folder / name
            if name in self.there:
                return
            if kind == "folder":
                (path / "mine").mkdir(parents=True)
                (path / "mine" / "kept.txt").write_text("mine")
            elif kind == "link":
                path.symlink_to("x.npy")
            else:
                path.write_text("mine")
            self.there[name] = contents(path)

        @precondition(lambda self: self.there)
        @rule(data=st.data())
        def the_user_removes(self, data):
            self.remove(data.draw(st.sampled_from(sorted(self.there))))

        def remove(self, name):
            (self.folder / name).rename(tmp_path_factory.mktemp("removed") / name)
            del self.there[name]

        @rule(command=st.sampled_from(sorted(COMMANDS)))
        def a_command_runs(self, command):
            arguments, outputs = COMMANDS[command]
            hidden = self.hidden()
            status = in_a_process(self.folder, arguments)
            free = not self.there.keys() & set(outputs)
            assert status == (0 if free else 2), command
            if free:
                self.there |= written[command]
            assert self.hidden() == hidden

        @rule(command=st.sampled_from(sorted(COMMANDS)), before=st.integers(0, 9))
        def a_command_is_killed(self, command, before):
            arguments, outputs = COMMANDS[command]
            for name in self.there.keys() & {*outputs[before % 4 :]}:
                self.remove(name)
            free = not self.there.keys() & set(outputs)
            status = in_a_process(self.folder, arguments, before)
            assert status in ((None, 0) if free else (None, 2)), command
            killed.append(status is None)
            for name in outputs:  # Whole, or not there at all.
                found = contents(self.folder / name)
                if name not in self.there and found is not None:
                    assert free and found == written[command][name], (command, name)
                    self.there[name] = found

        @precondition(lambda self: isinstance(self.there.get("a"), dict))
        @rule()
        def a_dump_is_compared(self):
            """A whole one, or whatever else is there."""
            status = in_a_process(self.folder, ["compare", "--model_path", "q.onnx", "--dump", "a"])
            assert status == (0 if self.there["a"] == written["run"]["a"] else 2)

        def hidden(self):
            return {name for name in entries(self.folder) if name.startswith(".")}

        @invariant()
        def nothing_else_is_there_and_nothing_has_changed(self):
            if not hasattr(self, "there"):
                return
            visible = {name for name in entries(self.folder) if not name.startswith(".")}
            assert visible == {*given, *self.there}
            for name, data in {**given, **self.there}.items():
                assert contents(self.folder / name) == data, name

    return Commands


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are made by fork")
def test_whole_or_not_at_all_in_any_order(reference, tmp_path_factory):
    steps = settings(
        max_examples=max(8, int(os.environ.get("TVM_ESPDL_RANDOM_CASES", "0"))),
        stateful_step_count=12,
        derandomize=True,
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    killed = []
    machine = machine_of(reference, tmp_path_factory, killed)
    run_state_machine_as_test(machine, settings=steps)
    assert sum(killed) >= 10
