"""The project's own test for pytest-embedded, with what stands in for it: a log in a file."""

import ast
import os
import subprocess
import sys

import pytest
from networks import library
from projects import project_of

from tvm_espdl.chips import CHIPS
from tvm_espdl.codegen.board_test import board_test

#: Fixtures of pytest-embedded, as far as the test uses them.
STAND_IN = """\
import re
from pathlib import Path

import pytest


@pytest.fixture
def embedded_services(request):
    return request.param


@pytest.fixture
def target(request):
    return request.param


class Dut:
    def __init__(self):
        self.text = Path(__file__).with_name("monitor.log").read_bytes()

    def expect(self, pattern, timeout):
        found = re.search(pattern.encode(), self.text)
        assert found, f"{pattern} within {timeout} s"
        self.text = self.text[found.end() :]
        return found

    def expect_exact(self, text, timeout):
        return self.expect(re.escape(text), timeout)


@pytest.fixture
def dut(embedded_services, target):
    return Dut()
"""


def outcome(folder, log, kind):
    """The last line of pytest on the project's test, which sees a monitor's log."""
    (folder / "monitor.log").write_bytes(log.replace("\n", "\r\n").encode())
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", kind]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [*command, "pytest_face.py"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.splitlines()[-1].partition(" in ")[0]


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("ESP-ROM:x\nmodel 12ab\noutput y: 3 elements equal bit for bit\nPASS\n", "passed"),
        ("model 12ab\nthe network did not run\nFAIL\nreset\nmodel 12ab\nPASS\n", "failed"),
        ("model 99ff\nPASS\n", "failed"),
    ],
)
def test_it_reads_the_verdict(log, expected, tmp_path):
    text = board_test(CHIPS["esp32c3"], "face", "12ab", has_vectors=False)
    (tmp_path / "pytest_face.py").write_text(text)
    (tmp_path / "conftest.py").write_text(STAND_IN)
    assert outcome(tmp_path, log, "qemu") == f"1 {expected}, 2 deselected"


@pytest.mark.parametrize("chip", CHIPS)
def test_it_runs_where_its_chip_is_emulated(chip):
    files = project_of(library("digits", chip))
    (text,) = (data.decode() for path, data in files.items() if path.name == "pytest_default.py")
    strings = {node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)}
    services = {f"idf,{emulator}" for emulator in CHIPS[chip].project.emulators}
    assert services | {"esp,idf", chip} <= strings
    assert ("-DTVM_ESPDL_PORTABLE=1" in text) == (chip == "esp32s3")
