"""The project configures and builds under ESP-IDF's own CMake interface, by a stand-in for it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import unavailable
from networks import digits_arrays, library

STUB = Path(__file__).parent / "idf_stub"


@pytest.fixture
def cmake():
    if shutil.which("cmake") is None or shutil.which("make") is None:
        unavailable("no cmake and make: apt-get install cmake make")
    return "cmake"


def run(*command):
    environment = {**os.environ, "IDF_PATH": str(STUB)}
    return subprocess.run(
        [str(c) for c in command],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4", "esp32"])
def test_project_builds_and_runs(tmp_path, chip, cmake, c_compiler):
    project = library("digits", chip).export_project(
        tmp_path / "digits", sample_input=digits_arrays()["images"][:1]
    )
    build = tmp_path / "build"
    target = f"-DIDF_TARGET={chip}"
    configured = run(cmake, "-S", project, "-B", build, target, "-DTVM_ESPDL_PORTABLE=1")
    assert configured.returncode == 0, configured.stderr
    built = run(cmake, "--build", build)
    assert built.returncode == 0, built.stderr
    assert "warning" not in built.stderr
    printed = run(build / "digits.elf")
    assert (printed.returncode, printed.stdout.splitlines()[-1]) == (0, "PASS")


def test_another_chip_is_refused(tmp_path, cmake, c_compiler):
    project = library("digits", "esp32s3").export_project(tmp_path / "digits")
    configured = run(cmake, "-S", project, "-B", tmp_path / "build", "-DIDF_TARGET=esp32")
    assert configured.returncode != 0
    assert "tvm_model is not for esp32" in configured.stderr
