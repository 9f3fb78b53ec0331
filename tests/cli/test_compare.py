"""`tvm-espdl compare`: its exit status and what it prints, on dumps made here and by C."""

import numpy as np
import onnx
import pytest
from networks import digits_arrays, library, quantized_digits

from tvm_espdl.cli import main
from tvm_espdl.toolchain.network import build_project


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A model, a sample, and what the command `run` dumps of them."""
    folder = tmp_path_factory.mktemp("compare")
    np.save(folder / "sample.npy", digits_arrays()["images"][:1])
    onnx.save(quantized_digits("esp32s3"), folder / "quantized.onnx")
    status = main(
        [
            *("run", str(folder / "quantized.onnx"), "--input", str(folder / "sample.npy")),
            *("--output", str(folder / "y.npy"), "--dump", str(folder / "dump")),
        ]
    )
    assert status == 0
    return folder


def compare(files, dump, *more):
    model = str(files / "quantized.onnx")
    return main(["compare", "--model_path", model, "--dump", str(dump), *map(str, more)])


def test_equal_tensors(files, capsys):
    count = len(list((files / "dump").iterdir()))
    assert compare(files, files / "dump") == 0
    assert f"{count} tensors equal, 0 differ" in capsys.readouterr().out
    assert compare(files, files / "dump", "--input", files / "sample.npy") == 0


def test_the_first_tensor_that_differs_is_named(files, tmp_path, capsys):
    names = list(library("digits", "esp32s3").run_with_intermediates(np.load(files / "sample.npy")))
    tensors = {file.stem: np.load(file) for file in sorted((files / "dump").iterdir())}
    for name in (names[3], names[5]):
        tensors[name.replace("/", "|")].reshape(-1)[7] += 1
    np.savez(tmp_path / "dump.npz", **{n.replace("|", "/"): t for n, t in tensors.items()})
    assert compare(files, tmp_path / "dump.npz", "--target-chip", "esp32s3") == 1
    out = capsys.readouterr().out
    assert f"{len(names) - 2} tensors equal, 2 differ" in out
    assert f"first difference: {names[3]}: 1 of" in out


def test_a_dump_of_other_firmware_is_recognized(files, c_compiler, tmp_path, capsys):
    project = library("digits", "esp32s3").export_project(
        tmp_path / "project", sample_input=np.load(files / "sample.npy")
    )
    build_project(project, tmp_path / "program", c_compiler, defines=["TVM_ESPDL_DUMP"])
    (tmp_path / "monitor.log").write_text(c_compiler.run(tmp_path / "program"))
    assert compare(files, tmp_path / "monitor.log") == 0
    assert "firmware" not in capsys.readouterr().out
    onnx.save(quantized_digits("esp32p4"), tmp_path / "other.onnx")
    other = ["compare", "--model_path", str(tmp_path / "other.onnx")]
    assert main([*other, "--dump", str(tmp_path / "monitor.log")]) == 1
    out = capsys.readouterr().out
    assert "the firmware holds network" in out
    assert "on esp32p4: export the project again" in out


def test_nothing_to_compare_is_no_agreement(files, tmp_path, capsys):
    np.savez(tmp_path / "dump.npz", elsewhere=np.zeros(3, np.int8))
    assert compare(files, tmp_path / "dump.npz", "--input", files / "sample.npy") == 1
    assert "elsewhere: no such tensor in the network" in capsys.readouterr().out


def test_wrong_input_is_one_clear_error(files, capsys):
    assert compare(files, files / "monitor.log") == 2
    assert "there is no such dump" in capsys.readouterr().err
