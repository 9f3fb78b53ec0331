"""`.espdl` on the command line: show, run, check, export."""

import json
import re

import numpy as np
import pytest
from small_models import addition, convolution, header, tensor, write

from tvm_espdl.cli import main
from tvm_espdl.espdl.aes import ctr


@pytest.fixture
def files(tmp_path):
    (tmp_path / "sum.espdl").write_bytes(write(addition(metadata={"target": "esp32c3"})))
    (tmp_path / "conv.espdl").write_bytes(write(convolution()))
    wrong = (tensor("y", np.zeros((1, 2, 2, 3), np.int8), -4),)
    (tmp_path / "wrong.espdl").write_bytes(write(addition(test_outputs=wrong)))
    return tmp_path


def run(*arguments):
    return main([str(argument) for argument in arguments])


def test_show(files, capsys):
    assert run("show", files / "conv.espdl") == 0
    shown = capsys.readouterr().out
    for text in (
        "format        EDL2, ",
        "chip          unknown: esp32s3 or esp32p4 (unknown)",
        "'w' has the vector layout (N/16)HWC16",
        "input         x: int8 1x3x4x16, exponent -5",
        "output        y: int8 1x3x4x16, exponent -2",
        "operators     1 Conv",
        "quantization  1 S8",
        "parameters    272, 320 bytes",
        "test vectors  0 inputs, 0 outputs",
    ):
        assert text in shown
    assert run("show", files / "sum.espdl", "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["chip"], summary["chip_from"]) == ("esp32c3", "metadata")
    assert summary["operators"] == {"Add": 1}
    assert summary["inputs"][0] == {
        "name": "a",
        "dtype": "int8",
        "shape": [1, 2, 2, 3],
        "exponent": -4,
    }


def test_run_compares_with_the_stored_vectors(files, capsys):
    assert run("run", files / "sum.espdl", "--output", files / "y.npy") == 0
    assert capsys.readouterr().out == "PASS: 1 stored test outputs on esp32c3\n"
    assert np.load(files / "y.npy").dtype == np.int8
    assert run("run", files / "wrong.espdl", "--target-chip", "esp32s3") == 1
    assert (
        "y: 12 of 12 values differ, first at (0, 0, 0, 0): 1, stored 0" in capsys.readouterr().out
    )


def test_run_with_own_inputs_and_dump(files):
    x = np.ones((1, 3, 4, 16), np.int8)
    np.save(files / "x.npy", x)
    arguments = [
        "run",
        files / "conv.espdl",
        "--input",
        files / "x.npy",
        "--output",
        files / "o.npy",
    ]
    assert run(*arguments, "--target-chip", "esp32s3", "--dump", files / "dump") == 0
    assert np.array_equal(np.load(files / "dump" / "y.npy"), np.load(files / "o.npy"))


def test_floats_for_integers_are_told_how_they_become_them(files, capsys):
    real = np.full((1, 3, 4, 16), 0.25, np.float32)
    np.save(files / "real.npy", real)
    chip = ("--target-chip", "esp32s3")
    network = files / "conv.espdl"
    way = ["run", network, *chip, "--output", files / "of_real.npy", "--input"]
    assert run(*way, files / "real.npy") == 2
    message = capsys.readouterr().err
    exponent = int(re.search(r"allowed: int8 at exponent (-?\d+); try", message)[1])
    advice = re.search(r"try: (numpy\.clip.*)$", message)[1]
    integers = eval(advice, {"numpy": np, "array": real})
    assert integers.dtype == np.int8
    assert (integers == np.clip(0.25 * 2.0**-exponent, -128, 127).round()).all()


def test_show_sends_no_control_characters(files, capsys):
    (files / "h.espdl").write_bytes(write(addition(metadata={"target": "c\x1b[2J\r\nchip  x"})))
    assert run("show", files / "h.espdl") == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and "\r" not in out
    assert r"target = c\x1b[2J\r\nchip  x" in out


def test_run_without_anything_to_run_on(files, capsys):
    assert run("run", files / "conv.espdl", "--target-chip", "esp32s3") == 2
    assert "no test inputs" in capsys.readouterr().err
    assert run("run", files / "conv.espdl", "--input", files / "x.npy") == 2
    assert "--input and --output" in capsys.readouterr().err
    assert run("check", files / "conv.espdl") == 2
    assert "does not say which chip" in capsys.readouterr().err


def test_check_and_export(files, capsys):
    assert run("check", files / "sum.espdl") == 0
    assert "1 of 1 calls are operators of ESP-DL" in capsys.readouterr().out
    project = files / "project"
    arguments = ("export", "--model_path", files / "conv.espdl", "--out_path", project)
    assert run(*arguments, "--target_chip", "esp32p4") == 0
    metadata = json.loads((project / "components/tvm_model/model/metadata.json").read_text())
    assert metadata["chip"] == "esp32p4"


def test_encrypted_files(files, capsys):
    key = bytes(range(16))
    data = header(ctr(write(addition(metadata={"target": "c"}))[16:], key), mode=1)
    (files / "secret.espdl").write_bytes(data)
    assert run("show", files / "secret.espdl") == 2
    assert "the model is encrypted" in capsys.readouterr().err
    assert run("run", files / "secret.espdl", "--key", key.hex()) == 0
    assert run("run", files / "secret.espdl", "--key", "hello") == 2
    assert "32 hexadecimal digits" in capsys.readouterr().err
