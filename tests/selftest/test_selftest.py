"""`tvm-espdl selftest`: all vectors pass, wrong ones fail, unknown operators are never skipped."""

import json

import numpy as np
import pytest
from golden_folders import folder_of

from tvm_espdl.cli import main
from tvm_espdl.errors import DataError
from tvm_espdl.selftest.golden import load


def passed(arguments, capsys):
    """How many vectors passed; all of them must."""
    status = main(["selftest", *arguments])
    lines = capsys.readouterr().out.splitlines()
    assert (status, lines[:-1]) == (0, [])
    assert lines[-1].endswith(" passed, 0 failed, 0 skipped")
    return int(lines[-1].split()[0])


def test_all_vectors_of_the_package_pass(capsys):
    assert passed(["--engine", "numpy"], capsys) > 1000


@pytest.mark.parametrize("engine", ["host", "c"])
def test_every_engine_passes_vectors_of_every_operator(engine, tmp_path, capsys, request):
    """All vectors run in `test_host_golden` and `test_c_kernels`; here one of each operator."""
    if engine == "c":
        request.getfixturevalue("c_compiler")
    seen = set()

    def is_first(case):
        return not (case["op"] in seen or seen.add(case["op"]))

    folder_of(tmp_path, is_first)
    assert len(seen) > 70
    arguments = ["--golden", str(tmp_path), "--engine", engine, "--chip", "esp32s3"]
    assert passed(arguments, capsys) == len(seen)


@pytest.fixture
def folder(tmp_path):
    """Two vectors in a folder of their own."""
    names = ("add_int8_same.npz", "relu_int8_d0.npz")
    assert folder_of(tmp_path, lambda case: case["file"] in names) == 2
    return tmp_path


def test_other_folder_and_chip(folder, capsys):
    assert (
        main(["selftest", "--golden", str(folder), "--engine", "numpy", "--chip", "esp32c3"]) == 0
    )
    assert capsys.readouterr().out == "2 passed, 0 failed, 0 skipped\n"


def test_wrong_vector_fails_and_is_named(folder, capsys):
    path = folder / "add_int8_same.npz"
    with np.load(path) as stored:
        arrays = {name: stored[name].copy() for name in stored.files}
    arrays["y_esp32"].ravel()[7] ^= 1
    np.savez(path, **arrays)
    assert main(["selftest", "--golden", str(folder), "--engine", "numpy", "--chip", "esp32"]) == 1
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("add_int8_same on esp32: 1 of 256 values differ, first at 7")
    assert last == "1 passed, 1 failed, 0 skipped"


def test_unknown_operator_fails(folder, capsys):
    index = json.loads((folder / "index.json").read_text())
    index["cases"][0]["op"] = "frobnicate"
    (folder / "index.json").write_text(json.dumps(index))
    assert main(["selftest", "--golden", str(folder), "--engine", "numpy", "--chip", "esp32"]) == 1
    assert "unknown operator" in capsys.readouterr().out


@pytest.mark.parametrize("damage", ["no index", "no json", "no file", "no archive"])
def test_damaged_folder_is_one_error(folder, damage):
    if damage == "no index":
        (folder / "index.json").unlink()
    elif damage == "no json":
        (folder / "index.json").write_text("{")
    elif damage == "no file":
        (folder / "add_int8_same.npz").unlink()
    else:
        (folder / "add_int8_same.npz").write_bytes(b"PK nothing")
    with pytest.raises(DataError):
        load(folder)


def test_unknown_engine_and_chip_exit_with_2(capsys):
    assert main(["selftest", "--engine", "magic"]) == 2
    assert main(["selftest", "--chip", "esp8266"]) == 2
    assert capsys.readouterr().err.count("error:") == 2


def test_no_vectors_are_no_success(folder, capsys):
    (folder / "index.json").write_text('{"cases": []}')
    assert main(["selftest", "--golden", str(folder), "--engine", "numpy"]) == 2
    assert "no vector" in capsys.readouterr().err
