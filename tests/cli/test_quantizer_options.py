"""The options of `preprocess`, and those of `quantize` about calibration data."""

import argparse

import numpy as np
import onnx
import pytest
from PIL import Image

from tvm_espdl.cli import main
from tvm_espdl.cli.calibration_options import add_calibration_options, calibration_of
from tvm_espdl.demo import DATA
from tvm_espdl.errors import DataError
from tvm_espdl.preprocess.steps import STEPS
from tvm_espdl.samples import ImageFolder, read_samples


def preprocess(output, *arguments):
    return main(
        [
            "preprocess",
            "--input",
            str(DATA / "digits_cnn.onnx"),
            "--output",
            str(output),
            *arguments,
        ]
    )


def calibration(*arguments):
    parser = argparse.ArgumentParser()
    add_calibration_options(parser)
    return calibration_of(parser.parse_args(["--calibrate_dataset", "folder", *arguments]))


def test_list_steps(capsys):
    with pytest.raises(SystemExit) as raised:
        main(["preprocess", "--list_steps"])
    assert raised.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [step.name for step in STEPS]
    for line, step in zip(lines, STEPS, strict=True):
        assert step.sentence in line
        assert line.endswith("Off by default.") != step.on


def test_skip_and_what_is_printed(tmp_path, capsys):
    assert preprocess(tmp_path / "a.onnx") == 0
    printed = capsys.readouterr().out
    assert "constants_to_initializers: 2 places\n" in printed
    assert "largest deviation from the original" in printed
    skip = ("--skip", "constants_to_initializers", "--skip", "fold_constants")
    assert preprocess(tmp_path / "b.onnx", *skip) == 0
    kinds = {n.op_type for n in onnx.load(tmp_path / "b.onnx").graph.node}
    assert "Constant" in kinds
    assert "Constant" not in {n.op_type for n in onnx.load(tmp_path / "a.onnx").graph.node}


def test_unknown_step(tmp_path, capsys):
    assert preprocess(tmp_path / "a.onnx", "--skip", "fold_constant") == 2
    error = capsys.readouterr().err
    assert "no such preprocessing step" in error and "try: fold_constants" in error
    assert not list(tmp_path.iterdir())


def test_existing_output_is_refused_before_the_work(tmp_path, capsys):
    (tmp_path / "a.onnx").write_text("mine")
    assert preprocess(tmp_path / "a.onnx", "--skip", "no_such_step") == 2
    assert "exists already" in capsys.readouterr().err
    assert (tmp_path / "a.onnx").read_text() == "mine"


def test_input_shape(tmp_path, capsys):
    assert preprocess(tmp_path / "a.onnx", "--input-shape", "input:1,1,8,8") == 0
    assert preprocess(tmp_path / "b.onnx", "--input_shape", "input:1,1,9,8") == 2
    assert "(1, 1, 9, 8)" in capsys.readouterr().err
    assert preprocess(tmp_path / "c.onnx", "--input_shape", "1,1,8,8") == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("preprocess", "--input_shape", ":1,3,8,8"),
        ("preprocess", "--input_shape", "x:1,three"),
        ("quantize", "--mean", "0.5;0.5"),
        ("quantize", "--pixel_range", "0-255"),
        ("quantize", "--size", "8x8x3"),
    ],
)
def test_malformed_options(arguments, capsys):
    with pytest.raises(SystemExit) as raised:
        main(list(arguments))
    assert raised.value.code == 2
    assert arguments[2] in capsys.readouterr().err


def test_options_of_images():
    assert calibration() == "folder"
    assert calibration("--mean", "0.5") == ImageFolder("folder", mean=(0.5,))
    found = calibration(
        *("--mean", "1,2,3", "--std=4,5,6", "--size", "8x9", "--layout", "NHWC"),
        *("--colours", "BGR", "--pixel-range=-1..1", "--fit", "stretch", "--enlarge"),
    )
    assert found == ImageFolder(
        "folder", (1, 2, 3), (4, 5, 6), (8, 9), "NHWC", "BGR", (-1, 1), "stretch", True
    )
    assert calibration("--size", "8").size == (8, 8)


def test_images_from_the_command_line(tmp_path):
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    Image.fromarray(pixels).save(tmp_path / "a.png")
    parser = argparse.ArgumentParser()
    add_calibration_options(parser)
    arguments = parser.parse_args(
        ["--calibrate_dataset", str(tmp_path), "--pixel_range", "0..255", "--mean", "4", "--std=2"]
    )
    signature = {"x": ((1, 1, 8, 8), np.dtype(np.float32))}
    (sample,) = read_samples(calibration_of(arguments), signature)
    np.testing.assert_array_equal(sample["x"][0, 0], (pixels.astype(np.float32) - 4) / 2)


def several(*data, options=()):
    parser = argparse.ArgumentParser()
    add_calibration_options(parser)
    words = [word for datum in data for word in ("--calibrate_dataset", str(datum))]
    return calibration_of(parser.parse_args([*words, *options]))


def test_data_of_several_inputs(tmp_path):
    (tmp_path / "photos").mkdir()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "photos" / "a.png")
    photos, rows = tmp_path / "photos", tmp_path / "rows.npy"
    np.save(rows, np.zeros((1, 2), np.float32))
    # Names of inputs from TensorFlow have colons, paths may have equals signs.
    given = (f"serving:0={photos}", f"rows={tmp_path / 'x=1' / 'rows.npy'}")
    expected = {"serving:0": str(photos), "rows": str(tmp_path / "x=1" / "rows.npy")}
    assert several(*given) == expected
    found = several(f"image={photos}", f"rows={rows}", options=["--mean", "3"])
    assert found == {"image": ImageFolder(str(photos), mean=(3.0,)), "rows": str(rows)}
    assert several(f"rows={rows}") == {"rows": str(rows)}


def test_a_path_with_an_equals_sign(tmp_path):
    folder = tmp_path / "lr=1"
    folder.mkdir()
    np.save(folder / "a.npy", np.zeros(3))
    assert several(folder) == str(folder)
    assert several(folder / "a.npy") == str(folder / "a.npy")


@pytest.mark.parametrize(
    ("data", "options", "words"),
    [
        (["x=a.npy", "b.npy"], (), r"data for no input; found: 'b\.npy'; allowed: INPUT=PATH"),
        (["x=a.npy", "=b.npy"], (), "data for no input; found: '=b"),
        (["x=a.npy", "y="], (), "data for no input; found: 'y='"),
        (["x=a.npy", "x=b.npy"], (), "two data for one input; found: 'x=b"),
        (["a.npy"], ("--mean", "1"), "option mean: options of images .*found: a.npy"),
        (["x=a.npy", "y=b.npz"], ("--enlarge",), r"option enlarge: .*found: a\.npy, b\.npz"),
        (["rows"], ("--std", "2"), "option std: options of images .*found: rows"),
    ],
)
def test_data_that_fit_no_input_and_options_that_fit_no_data(
    data, options, words, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows").mkdir()
    for name in ("a.npy", "rows/b.npy"):
        np.save(tmp_path / name, np.zeros(3, np.float32))
    with pytest.raises(DataError, match=words) as problem:
        several(*data, options=options)
    for part in ("where", "found", "allowed", "try_"):
        assert getattr(problem.value, part) not in ("", None)
