"""What quantization has to reach on trained networks, counted with the chip's exact bits."""

import networks
import numpy as np
import onnxruntime
import pytest

from tvm_espdl.chips import find_chip
from tvm_espdl.compilation import compile_file
from tvm_espdl.onnx_graphs.graph import Graph
from tvm_espdl.quantize import preprocess_onnx, quantize_onnx
from tvm_espdl.quantize.mixed.costs import network_cycles
from tvm_espdl.quantize.plan import make_plan
from tvm_espdl.quantize.precision import widen


def decibels(references, found):
    return 10 * np.log10((references**2).sum() / ((references - found) ** 2).sum())


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4", "esp32"])
def test_digits_within_four_tenths_of_a_point(models_dir, chip):
    folder = models_dir / "float"
    model = quantize_onnx(
        folder / "digits_cnn.onnx", folder / "digits_cnn.calib.npz", chip, measure=False
    ).model
    library = compile_file(model, chip)
    with np.load(folder / "digits_cnn.test.npz") as test:
        scores = np.concatenate([library(x[np.newaxis]) for x in test["x_test"]])
        labels, floats = test["y_test"], test["logits"]
    found, wanted = ((s.argmax(axis=1) == labels).mean() for s in (scores, floats))
    print(f"{chip}: float {wanted:.1%}, int8 {found:.1%}")
    assert found >= wanted - 0.004


#: The first convolution: it alone reads the input, of which int8 drops the last bit.
FIRST = "*conv2d/Conv2D1"


def extra_cycles(path, chip, layer):
    """The share of cycles that a layer costs more in int16."""
    if layer is None:
        return 0.0
    int8 = make_plan(Graph(preprocess_onnx(path)))
    counts = [network_cycles(plan, find_chip(chip)) for plan in (int8, widen(int8, [layer]))]
    return counts[1] / counts[0] - 1


@pytest.mark.parametrize(
    ("chip", "options", "least"),
    [
        ("esp32s3", {}, 24.0),
        ("esp32p4", {}, 23.0),
        ("esp32p4", {"int16": FIRST}, 27.0),
    ],
)
def test_seed_keeps_its_signal(models_dir, chip, options, least):
    """Every fourth sample is held out, four times, so that each is judged once unseen."""
    path = models_dir / "seed" / "model.onnx"
    with np.load(models_dir / "float" / "seed_resnet8.calib.npz") as stored:
        samples = stored["x"]
    session = onnxruntime.InferenceSession(path)
    references = np.stack([session.run(None, {"input_1": x[np.newaxis]})[0] for x in samples])
    unseen = np.zeros_like(references)
    for turn in range(4):
        turned = np.roll(samples, turn, axis=0)
        model = quantize_onnx(path, turned, chip, measure=False, **options).model
        library = compile_file(model, chip)
        for place in range(3, len(samples), 4):
            number = (place - turn) % len(samples)
            unseen[number] = library(samples[number : number + 1])
    found, extra = decibels(references, unseen), extra_cycles(path, chip, options.get("int16"))
    chosen = ", ".join(f"{name}={value!r}" for name, value in options.items()) or "default"
    print(f"{chip}, {chosen}: {found:.1f} dB on unseen samples, {extra:+.1%} cycles")
    assert found >= least


@pytest.mark.parametrize(
    ("chip", "held"), [("esp32s3", lambda x: np.floor(x + 0.5)), ("esp32p4", np.rint)]
)
def test_what_the_input_alone_costs(models_dir, chip, held):
    """The seed's pixels are 0 to 255 and its input lies at 2^1: each odd one is a tie."""
    path = models_dir / "seed" / "model.onnx"
    with np.load(models_dir / "float" / "seed_resnet8.calib.npz") as stored:
        samples = stored["x"]
    session = onnxruntime.InferenceSession(path)
    rounded = 2 * np.clip(held(samples / 2), -128, 127).astype(np.float32)
    references, found = (
        np.stack([session.run(None, {"input_1": x[np.newaxis]})[0] for x in data])
        for data in (samples, rounded)
    )
    print(f"{chip}: {decibels(references, found):.1f} dB with its input in int8, the rest in float")
    noise = rounded - samples
    assert noise.var() == pytest.approx(0.25 if chip == "esp32s3" else 0.5, abs=0.01)
    assert decibels(references, found) < 30


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4", "esp32"])
def test_seed_answers_as_float_on_all_samples_that_calibrated(models_dir, chip):
    path = models_dir / "seed" / "model.onnx"
    with np.load(models_dir / "float" / "seed_resnet8.calib.npz") as stored:
        samples = stored["x"]
    session = onnxruntime.InferenceSession(path)
    library = networks.library("seed", chip, models_dir)  # of these samples
    calibrated = [x[np.newaxis] for number, x in enumerate(samples) if number % 4 != 3]
    for x in calibrated:
        assert library(x).argmax() == session.run(None, {"input_1": x})[0].argmax()
