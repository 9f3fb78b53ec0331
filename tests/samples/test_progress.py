"""The progress bar: on a terminal only, on stderr only, and gone when the work is done."""

import io
import sys

import pytest

from tvm_espdl.samples import show_progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert list(show_progress(range(1000), 1000, label="calibration")) == list(range(1000))
    lines = sys.stderr.getvalue().split("\r")
    assert lines[1] == "calibration [" + "." * 30 + "] 0/1000"
    assert lines[51] == "calibration [" + "#" * 15 + "." * 15 + "] 500/1000"
    assert len(lines) == 1 + 100 + 2
    assert lines[-2:] == [" " * len(lines[-3]), ""]
    assert capsys.readouterr().out == ""


def test_without_a_total(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    list(show_progress(iter("ab"), None, label="samples"))
    assert sys.stderr.getvalue().split("\r")[1:3] == ["samples 0", "samples 1"]


def test_more_than_was_announced(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert list(show_progress(iter("abcd"), 2, label="samples")) == list("abcd")
    assert sys.stderr.getvalue().split("\r")[4].rstrip() == "samples 3"


def test_gone_after_an_error(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())

    def broken():
        yield 1
        raise KeyError

    with pytest.raises(KeyError):
        list(show_progress(broken(), 5, label="x"))
    assert sys.stderr.getvalue().endswith(" \r")


@pytest.mark.parametrize(("enabled", "drawn"), [(None, False), (False, False), (True, True)])
def test_off_a_terminal(monkeypatch, enabled, drawn):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    list(show_progress(range(3), 3, label="x", enabled=enabled))
    assert bool(sys.stderr.getvalue()) == drawn


def test_without_any_stderr(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert list(show_progress(range(3), 3, label="x")) == [0, 1, 2]
