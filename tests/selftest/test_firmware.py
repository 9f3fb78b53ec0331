"""The self-test's project: what is in it, what it prints, and that broken kernels are named."""

import dataclasses
import json
import re

import numpy as np
import pytest
from firmware_logs import log_of
from golden_folders import folder_of, folder_of_names

from tvm_espdl.chips import CHIPS
from tvm_espdl.cli import main
from tvm_espdl.errors import DataError
from tvm_espdl.selftest.firmware import firmware_of
from tvm_espdl.selftest.firmware_c import Image, firmware_texts
from tvm_espdl.selftest.firmware_log import read_runs
from tvm_espdl.selftest.firmware_project import firmware_files, write_firmware
from tvm_espdl.selftest.verdict import judge_runs
from tvm_espdl.toolchain.compiler import Compiler
from tvm_espdl.toolchain.network import build_project

RUNTIME = "components/tvm_model/model/runtime"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return folder_of_names(tmp_path_factory.mktemp("golden"))


def printed_by(project, compiler):
    """What a project's firmware prints."""
    build_project(project, project / "program", compiler)
    return compiler.run(project / "program").splitlines()


def test_every_vector_that_a_kernel_computes(folder):
    index = [vector.trial.case for vector in firmware_of(CHIPS["esp32p4"]).vectors]
    assert len(index) > 300 and not {"round", "filter_layout"} & {case.operator for case in index}
    firmware = firmware_of(CHIPS["esp32"], folder)
    assert len(firmware.vectors) == 9
    assert firmware.left_out == ("filter_layout_int8_conv_n5_c8",)


def test_what_decides_the_result_decides_the_name(folder, tmp_path):
    names = {firmware_of(chip, folder).identity for chip in CHIPS.values()}
    assert len(names) == len(CHIPS)
    before = firmware_of(CHIPS["esp32"], folder_of_names(tmp_path, ["add_int8_same"])).identity
    path = tmp_path / "add_int8_same.npz"
    with np.load(path) as stored:
        arrays = {name: stored[name].copy() for name in stored.files}
    for name in ("a", "y_esp32"):
        arrays[name].reshape(-1)[9] ^= 1
        np.savez(path, **arrays)
        after = firmware_of(CHIPS["esp32"], tmp_path).identity
        assert after != before
        before = after


def test_same_vectors_same_bytes(folder):
    one, other = (firmware_of(CHIPS["esp32s3"], folder) for _ in range(2))
    files = firmware_files(one, "board", firmware_texts(one))
    assert files == firmware_files(other, "board", firmware_texts(other))
    text = b"".join(files.values()).decode(errors="replace")
    assert str(folder) not in text and "/tmp" not in text


def test_data_are_aligned_and_padded():
    firmware = firmware_of(CHIPS["esp32s3"])
    texts = firmware_texts(firmware)
    table = texts.vectors["selftest_vectors.c"].partition("const struct selftest_vector ")[2]
    rows = re.findall(r"case_\d+, \{(.*)\},", table)
    for vector, row in zip(firmware.vectors, rows, strict=True):
        places = [int(place) for place in re.findall(r"selftest_data \+ (\d+)", row)]
        for array, place in zip(vector.trial.inputs, places, strict=True):
            assert place % 16 == 0
            data = array.tobytes()
            assert texts.data[place:].startswith(data + b"\x5a" * 16)
    places = re.findall(r"\.(\w+) = .*selftest_data \+ (\d+)", texts.vectors["selftest_vectors.c"])
    assert {"filter", "bias", "table"} <= {member for member, _ in places}
    assert all(int(place) % 16 == 0 for _, place in places)


def test_image_keeps_equal_arrays_once():
    image = Image()
    five = np.arange(5, dtype=np.int16)
    assert (image.add(five, 48), image.add(five[:4], 48), image.add(five.copy(), 48)) == (0, 64, 0)
    assert image.add(five, 48, 0x5A) == 128 and image.add(five, 16) == 192
    assert image.data()[:64] == five.tobytes().ljust(64, b"\0")
    assert len(image.data()) == 224


def test_the_package_s_vectors_fit_small_boards():
    """An ESP32-C2 with 2 MB of flash; the runner's static memory is a few KB."""
    firmware = firmware_of(CHIPS["esp32c2"])
    texts = firmware_texts(firmware)
    assert len(texts.data) < 400_000 and texts.ram_bytes < 4000
    files = {str(path): data.decode() for path, data in
             firmware_files(firmware, "board", texts).items() if path.suffix != ".bin"}  # fmt: skip
    assert "CONFIG_ESPTOOLPY_FLASHSIZE_2MB=y" in files["sdkconfig.defaults"]
    offset, size = re.search(r"factory.*(0x\w+), +(0x\w+)", files["partitions.csv"]).groups()
    assert len(texts.data) + (1 << 20) <= int(size, 16) <= (2 << 20) - int(offset, 16)


def test_more_vectors_than_a_flash_holds(folder):
    firmware = firmware_of(CHIPS["esp32s3"], folder)
    texts = dataclasses.replace(firmware_texts(firmware), data=bytes(32 << 20))
    with pytest.raises(DataError, match="do not fit the flash"):
        firmware_files(firmware, "board", texts)


def test_command_writes_the_project(folder, tmp_path, capsys):
    project = tmp_path / "board"
    arguments = ["selftest", "--golden", str(folder), "--project", str(project)]
    assert main([*arguments, "--chip", "esp32c6"]) == 0
    out = capsys.readouterr().out
    assert "9 vectors for esp32c6" in out and "1 more are for engines on the PC" in out
    assert 'CONFIG_IDF_TARGET="esp32c6"' in (project / "sdkconfig.defaults").read_text()
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    assert main(arguments) == 2  # it exists
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["--chip", "esp8266"],
        ["--log", "monitor.log"],
        ["--engine", "c"],
        ["--golden", "no such folder"],
    ],
)
def test_refusals_write_nothing(arguments, tmp_path, capsys):
    project = tmp_path / "board"
    assert main(["selftest", "--project", str(project), *arguments]) == 2
    assert capsys.readouterr().err.startswith("tvm-espdl: error: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [["--log", "x", "--engine", "c"], ["--log", "x", "--kernels", "auto"], ["--kernels", "auto"]],
)
def test_options_of_other_uses_are_refused(arguments, capsys):
    assert main(["selftest", *arguments]) == 2
    assert "tvm-espdl selftest: " in capsys.readouterr().err


def test_folders_that_no_firmware_can_be_of(tmp_path, capsys):
    for change, told in [
        (lambda cases: cases[0].update(op="frobnicate"), "no such operator"),
        (lambda cases: cases.append(cases[0]), "two vectors of one name"),
        (lambda cases: cases.clear(), "no vector says"),
    ]:
        folder_of(tmp_path, lambda case: case["file"] == "add_int8_same.npz")
        path = tmp_path / "index.json"
        index = json.loads(path.read_text())
        change(index["cases"])
        path.write_text(json.dumps(index))
        arguments = ["--golden", str(tmp_path), "--project", str(tmp_path / "board")]
        assert main(["selftest", *arguments]) == 2
        assert told in capsys.readouterr().err and not (tmp_path / "board").exists()


@pytest.fixture(scope="module")
def firmware(folder):
    return firmware_of(CHIPS["esp32s3"], folder)


def test_firmware_prints_the_log(folder, firmware, tmp_path, c_compiler):
    """Line by line what the tests of the judge believe that it prints; nothing outside memory."""
    write_firmware(firmware, tmp_path / "board")
    lines = printed_by(tmp_path / "board", Compiler.sanitized())
    assert lines[:-2] == log_of(firmware)
    assert lines[-2].startswith("9 of 9 vectors gave the expected bits.")
    assert judge_runs(read_runs(lines), firmware).ok


BROKEN = {
    "value": "y[7] = (int8_t)(y[7] ^ 1);",
    "outside": "y[256] = 1;",
    "before": "y[-1] = 1;",
    "in place": "if ((const int8_t *)x1 == y) { y[3] = (int8_t)(y[3] + 1); }",
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_kernel_is_named(fault, tmp_path, c_compiler):
    names = ("add_int8_same", "relu_int8_d1")
    (tmp_path / "golden").mkdir()
    folder_of_names(tmp_path / "golden", names)
    firmware = firmware_of(CHIPS["esp32s3"], tmp_path / "golden")
    write_firmware(firmware, tmp_path / "board")
    break_kernel(tmp_path / "board", "espdl_add.c", BROKEN[fault])
    verdict = judge_runs(read_runs(printed_by(tmp_path / "board", c_compiler)), firmware)
    assert not verdict.ok and verdict.passed == 1
    (failure,) = verdict.failures
    assert failure.case == "add_int8_same" and failure.failure.startswith("add by portable: ")
    told = {
        "value": "1 of 256 values differ, first at 7: ",
        "in place": "over its input 1: 1 of 256",
    }
    assert told.get(fault, "it wrote outside its output") in failure.failure


def break_kernel(project, file, line):
    """Let a kernel of two int8 inputs do something more at its end."""
    path = project / RUNTIME / file
    name = f"{path.stem}_s8"
    path.write_text(
        f"#define {name} right_{name}\n{path.read_text()}#undef {name}\n"
        f"void {name}(const espdl_binary_t *d, const int8_t *x0, const int8_t *x1, int8_t *y) {{\n"
        f"  right_{name}(d, x0, x1, y);\n  (void)x1;\n  {line}\n}}\n"
    )
