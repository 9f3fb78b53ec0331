"""Whatever a command raises, users get one message and a status; whatever the streams are."""

import argparse
import errno
import io
import signal
import subprocess
import sys
import types

import pytest

from tvm_espdl.cli import edge, main
from tvm_espdl.cli.edge import INTERRUPTED, guarded
from tvm_espdl.demo import DATA
from tvm_espdl.errors import ModelError
from tvm_espdl_command import main as command


def status_of(error, *, traceback=False, verdict=0):
    def run(arguments):
        raise error

    return guarded(run, argparse.Namespace(traceback=traceback, verdict=verdict))


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (ModelError("it is bad", where="node n"), 2, "error: node n: it is bad"),
        (OSError(errno.ENOSPC, "No space left on device", "/x/y"), 2, "'/x/y': No space left"),
        (MemoryError("37 GiB"), 2, "not enough memory: 37 GiB"),
        (KeyboardInterrupt(), INTERRUPTED, "interrupted"),
        (RecursionError("maximum depth"), 2, "a fault of tvm-espdl itself, RecursionError: max"),
        (TypeError("first\nsecond"), 2, "TypeError: first; try: --traceback shows where"),
    ],
)
def test_every_exception_is_one_line(capsys, error, status, text):
    assert status_of(error) == status
    written = capsys.readouterr()
    assert not written.out
    assert text in written.err
    assert written.err.count("\n") == 1


def test_an_interrupt_that_becomes_another_error(capsys):
    """As in a function of TVM's, which knows no KeyboardInterrupt."""

    def run(arguments):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise RuntimeError from None

    assert guarded(run, argparse.Namespace(traceback=False, verdict=0)) == INTERRUPTED
    assert capsys.readouterr().err == "tvm-espdl: interrupted\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:

        def run(arguments):
            signal.raise_signal(signal.SIGINT)
            return 0

        assert guarded(run, argparse.Namespace(traceback=False, verdict=0)) == 0
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_terminal_obeys_no_name_in_a_message(capsys):
    hostile = "\x1b[2J\x1b]0;title\x07\r\x9b31m\u202e\u2028é"
    error = ModelError("it is bad", where=hostile, found="one\ntwo\tthree")
    assert status_of(error) == 2
    written = capsys.readouterr().err
    assert not {*"\x1b\x07\r\x9b\u202e\u2028"} & {*written}
    assert r"\x1b[2J\x1b]0;title\x07\r\x9b31m\u202e\u2028é" in written
    assert written.splitlines()[1].split() == ["two", "three"]


def test_a_terminal_obeys_no_name_of_an_output(tmp_path, capsys):
    name = "\x1b]0;title\x07\nPASS"
    model = str(DATA / "digits_cnn.onnx")
    assert main(["preprocess", "--input", model, "--output", str(tmp_path / name)]) == 0
    assert (tmp_path / name).is_file()
    printed = capsys.readouterr().out
    assert printed.endswith(r"\x1b]0;title\x07\nPASS" + "\n")
    assert "\x1b" not in printed


def test_traceback_on_demand(capsys):
    assert status_of(TypeError("odd"), traceback=True) == 2
    assert "test_edge.py" in capsys.readouterr().err


def test_who_interrupts_the_import_meets_no_traceback(monkeypatch, capsys):
    class Interrupted(types.ModuleType):
        def __getattr__(self, name):
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "tvm_espdl", Interrupted("tvm_espdl"))
    assert command() == INTERRUPTED
    assert capsys.readouterr() == ("", "tvm-espdl: interrupted\n")


def test_the_program_is_the_command_line(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["tvm-espdl", "show", "nothing.espdl"])
    assert command() == 2
    assert "nothing.espdl" in capsys.readouterr().err


def run_command(*words, **options):
    command = [sys.executable, "-m", "tvm_espdl.cli", *words]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, **options)


@pytest.mark.parametrize("end", [">&-", ">/dev/full"])
def test_standard_output_that_takes_nothing(end):
    words = f'"{sys.executable}" -m tvm_espdl.cli preprocess --list_steps {end}'
    done = subprocess.run(words, shell=True, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("tvm-espdl: error: ")
    assert done.stderr.count("\n") == 1


def test_a_terminal_that_knows_ascii_only(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)

    def run(arguments):
        print("…")
        return 0

    assert guarded(run, argparse.Namespace(traceback=False, verdict=0)) == 0
    assert stream.buffer.getvalue() == b"\\u2026\n"


class Full(io.StringIO):
    def write(self, text):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_standard_error_that_is_full_hides_no_status(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Full())
    monkeypatch.setattr(edge, "_silence", lambda stream: None)
    assert status_of(ModelError("it is bad")) == 2


def test_no_standard_error_puts_nothing_into_the_output(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", None)
    assert status_of(ModelError("it is bad")) == 2
    assert capsys.readouterr().out == ""


def test_names_of_files_that_are_no_text(tmp_path):
    done = run_command("show", b"\xff.espdl", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "udcff" in done.stderr
