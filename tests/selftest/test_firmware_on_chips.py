"""The self-test's firmware on emulated chips, with all vectors that the package has for them."""

import pytest
from golden_folders import folder_of_names
from test_firmware import BROKEN, break_kernel, printed_by

from tvm_espdl.chips import CHIPS
from tvm_espdl.cli import main
from tvm_espdl.selftest.firmware import firmware_of
from tvm_espdl.toolchain.compiler import Compiler

#: Of each family a chip, and ESP32 and S3 on the instructions that they have.
EMULATED = {"esp32c3": "rv32", "esp32p4": "rv32", "esp32": "xtensa", "esp32s3": "xtensa"}


@pytest.fixture
def compiler(chip, request):
    """The cross compiler and emulator of a chip."""
    of_its_instructions = request.getfixturevalue(EMULATED[chip])
    without_fpu = chip == "esp32c3"
    return Compiler.rv32(march="rv32imc", mabi="ilp32") if without_fpu else of_its_instructions


@pytest.mark.parametrize("chip", EMULATED)
def test_all_vectors_are_right(chip, compiler, tmp_path, capsys):
    project, log = tmp_path / "board", tmp_path / "monitor.log"
    assert main(["selftest", "--project", str(project), "--chip", chip]) == 0
    log.write_text("\r\n".join(printed_by(project, compiler)))
    capsys.readouterr()
    assert main(["selftest", "--log", str(log), "--chip", chip]) == 0
    count = len(firmware_of(CHIPS[chip]).vectors)
    assert capsys.readouterr().out.endswith(f"\n{count} passed, 0 failed, 0 skipped\n")


@pytest.mark.parametrize("chip", ["esp32p4", "esp32s3"])
def test_a_broken_kernel_is_named(chip, compiler, tmp_path, capsys):
    project, log, golden = (tmp_path / name for name in ("board", "monitor.log", "golden"))
    golden.mkdir()
    folder_of_names(golden)
    of_these = ["--golden", str(golden), "--chip", chip]
    assert main(["selftest", "--project", str(project), *of_these]) == 0
    break_kernel(project, "espdl_add.c", BROKEN["value"])
    log.write_text("\n".join(printed_by(project, compiler)))
    capsys.readouterr()
    assert main(["selftest", "--log", str(log), *of_these]) == 1
    *_, difference, counts = capsys.readouterr().out.splitlines()
    start = f"add_int8_same on {chip}: add by portable: 1 of 256 values differ, first at 7: "
    assert difference.startswith(start) and counts == "8 passed, 1 failed, 0 skipped"
