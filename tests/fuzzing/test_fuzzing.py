"""Every reader under a guided fuzzer, a few seconds each; `scripts/fuzz.py` runs longer."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from targets import TARGETS

SECONDS = 8
SCRIPT = Path(__file__).parents[2] / "scripts" / "fuzz.py"


def fuzz(*words):
    command = [sys.executable, str(SCRIPT), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def executions(done):
    """Of the one target."""
    return int(done.stdout.split()[1].replace(",", ""))


@pytest.fixture
def fuzzer():
    if importlib.util.find_spec("atheris") is None:
        if os.environ.get("TVM_ESPDL_REQUIRE_TOOLS") == "1":
            pytest.fail("atheris is not installed")
        pytest.skip("atheris is not installed: pip install -e .[fuzz]")


@pytest.mark.parametrize("target", TARGETS)
def test_readers_raise_errors_of_ours_only(fuzzer, target):
    done = fuzz(target, "--seconds", str(SECONDS), "--seed", "7")
    assert done.returncode == 0, done.stdout
    assert executions(done) > 100, done.stdout  # all seeds, and some of what came from them


def test_rounds_repeat_until_there_are_executions_enough(fuzzer):
    """In two processes at a time, each with a seed of its own."""
    wanted = ("--executions", "900", "--round", "300", "--workers", "2", "--seed", "3")
    done = fuzz("exponents", *wanted)
    assert done.returncode == 0, done.stdout
    assert executions(done) >= 900
    assert "3 rounds of seed 3" in done.stdout


def test_a_fault_is_found(fuzzer, tmp_path):
    """A reader with a fault behind two bytes, which only guidance finds so quickly."""
    targets = tmp_path / "targets.py"
    text = (SCRIPT.parents[1] / "tests/fuzzing/targets.py").read_text()
    fault = """
def _faulty():
    def read(data):
        if data[:1] == b"E":
            if data[1:2] == b"L":
                raise KeyError("found")
    return read
TARGETS["arrays"] = Target(_faulty, lambda: [b"AA"], ("tvm_espdl.files",))
"""
    targets.write_text(text.replace("\n\ndef main", f"{fault}\n\ndef main"))
    script = tmp_path / "scripts" / "fuzz.py"
    script.parent.mkdir()
    (tmp_path / "tests" / "fuzzing").mkdir(parents=True)
    targets.rename(tmp_path / "tests/fuzzing/targets.py")
    script.write_text(SCRIPT.read_text())
    command = [sys.executable, str(script), "arrays", "--seconds", "60"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "KeyError" in done.stdout
