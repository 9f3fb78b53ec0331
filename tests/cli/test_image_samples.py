"""Images as sample inputs: of export, run and compare, with the options of calibration images."""

import numpy as np
import onnx
import pytest
from networks import digits_arrays, library, quantized_digits
from PIL import Image
from qdq_builder import QdqBuilder

from tvm_espdl.cli import main

PIXELS = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
EXPECTED = ((PIXELS / 255.0 - 0.25) / 0.5).astype(np.float32)[None, None]
OPTIONS = ("--mean", "0.25", "--std", "0.5")


@pytest.fixture
def files(tmp_path):
    onnx.save(quantized_digits("esp32s3"), tmp_path / "model.onnx")
    Image.fromarray(PIXELS).save(tmp_path / "image.png")
    np.save(tmp_path / "x.npy", EXPECTED)
    return tmp_path


def run(*arguments):
    return main([str(argument) for argument in arguments])


def test_an_image_is_exported_as_the_array_that_it_becomes(files):
    projects = [files / place / "project" for place in ("of image", "of array")]
    names = ("image.png", OPTIONS), ("x.npy", ())
    for project, (name, options) in zip(projects, names, strict=True):
        project.parent.mkdir()
        model = ("--model_path", files / "model.onnx", "--img_path", files / name)
        assert run("export", *model, *options, "--out_path", project) == 0
    texts = [
        {str(f.relative_to(project)): f.read_bytes() for f in project.rglob("*") if f.is_file()}
        for project in projects
    ]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("sample", ["image", "array", "pixels", "none"])
def test_pixels_are_exported_of_whatever_they_become(sample, files):
    """Images, floats that pixels become, pixels themselves, and black where nothing is given."""
    np.save(files / "pixels.npy", PIXELS.reshape(1, 8, 8, 1))
    paths = {"image": "image.png", "array": "x.npy", "pixels": "pixels.npy"}
    given = ("--img_path", files / paths[sample]) if sample in paths else ()
    formats = ("--input-format", "input=uint8", "--output-format", "native", "--name", "digits")
    out = ("--out_path", files / "project")
    assert (
        run("export", "--model_path", files / "model.onnx", *given, *OPTIONS, *formats, *out) == 0
    )
    text = (files / "project/main/input_data.h").read_text()
    numbers = text[text.index("{") + 1 : text.index("}")].replace("\n", "").split(",")
    expected = 0 * PIXELS if sample == "none" else PIXELS
    assert "uint8_t" in text and [int(n) for n in numbers[:64]] == expected.ravel().tolist()
    header = files / "project/components/tvm_digits/model/codegen/host/include/tvmgen_digits.h"
    assert "void tvmgen_digits_dequantize_output(" in header.read_text()


def test_an_image_is_run(files):
    model = files / "model.onnx"
    way = ("--input", files / "image.png", *OPTIONS, "--output", files / "y.npy")
    assert run("run", model, *way) == 0
    expected = library("digits", "esp32s3")(EXPECTED)
    np.testing.assert_array_equal(np.load(files / "y.npy"), expected)
    assert (expected != library("digits", "esp32s3")(digits_arrays()["images"][:1])).any()


def two_inputs():
    builder = QdqBuilder()
    a, b = (builder.quantized_input(name, (1, 1, 8, 8)) for name in ("a", "b"))
    builder.output(builder.qdq(builder.node("Add", a, b), -3))
    return builder.model()


@pytest.mark.parametrize(
    ("file", "options", "words"),
    [
        ("x.npy", OPTIONS, ["options of images for data that are none", "mean", "std"]),
        ("none.png", (), ["the image cannot be read", "none.png"]),
        ("image.png", ("--size", "4x4"), ["smaller than the model's input", "8x8"]),
    ],
)
def test_what_does_not_fit_is_refused(files, capsys, file, options, words):
    way = ("--model_path", files / "model.onnx", "--img_path", files / file)
    assert run("export", *way, *options, "--out_path", files / "out") == 2
    error = capsys.readouterr().err
    assert not [word for word in words if word not in error]
    assert not (files / "out").exists()


def test_one_image_for_two_inputs(files, capsys):
    onnx.save(two_inputs(), files / "two.onnx")
    way = ("--model_path", files / "two.onnx", "--img_path", files / "image.png")
    assert run("export", *way, "--out_path", files / "out") == 2
    error = capsys.readouterr().err
    assert "one image for a model with several inputs" in error and "a, b" in error
