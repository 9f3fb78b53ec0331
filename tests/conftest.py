"""Fixtures for what a test may need from outside: a C compiler, an emulator, Espressif's models.

`requirements_here` says what becomes of a test where it is missing.
"""

import os
from pathlib import Path

import pytest
from requirements_here import installed, unavailable

from tvm_espdl.toolchain.compiler import Compiler

MODELS = Path(__file__).parents[2] / "shared" / "models"


def pytest_collection_modifyitems(items):
    """Tests of a file share what is made for them: with xdist they stay on one worker."""
    for item in items:
        if not any(map(item.get_closest_marker, ("xdist_group", "apart"))):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(scope="session")
def c_compiler():
    """GCC of this PC."""
    return installed(Compiler.host())


@pytest.fixture(scope="session")
def rv32():
    """The RISC-V cross compiler with QEMU, as an ESP32-P4."""
    return installed(Compiler.rv32())


@pytest.fixture(scope="session")
def xtensa():
    """The Xtensa cross compiler with QEMU: the base instructions of ESP32 and ESP32-S3."""
    return installed(Compiler.xtensa())


@pytest.fixture(scope="session")
def clang():
    """Clang of this PC, with its sanitizers."""
    installed(Compiler.sanitized(clang=True))
    return Compiler.clang()


@pytest.fixture(scope="session")
def models_dir():
    """Folder of Espressif's models, which are not part of this repository."""
    folder = Path(os.environ.get("TVM_ESPDL_MODELS", MODELS))
    if not folder.is_dir():
        unavailable(f"no folder {folder}: set TVM_ESPDL_MODELS")
    return folder
