"""What quantization has to reach on trained networks, counted with the chip's exact bits."""

import numpy as np
import onnxruntime
import pytest

from tvm_espdl.compilation import compile_file
from tvm_espdl.quantize import quantize_onnx


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


@pytest.mark.parametrize(("chip", "least"), [("esp32s3", 23.0), ("esp32p4", 22.0)])
def test_seed_keeps_its_signal(models_dir, chip, least):
    """Every fourth sample is held out, four times, so that each is judged once unseen."""
    path = models_dir / "seed" / "model.onnx"
    with np.load(models_dir / "float" / "seed_resnet8.calib.npz") as stored:
        samples = stored["x"]
    session = onnxruntime.InferenceSession(path)
    references = np.stack([session.run(None, {"input_1": x[np.newaxis]})[0] for x in samples])
    unseen = np.zeros_like(references)
    for turn in range(4):
        turned = np.roll(samples, turn, axis=0)
        library = compile_file(quantize_onnx(path, turned, chip, measure=False).model, chip)
        for place in range(3, len(samples), 4):
            number = (place - turn) % len(samples)
            unseen[number] = library(samples[number : number + 1])
    print(f"{chip}: {decibels(references, unseen):.1f} dB on unseen samples")
    assert decibels(references, unseen) >= least


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4", "esp32"])
def test_seed_answers_as_float_on_all_samples_that_calibrated(models_dir, chip):
    path = models_dir / "seed" / "model.onnx"
    with np.load(models_dir / "float" / "seed_resnet8.calib.npz") as stored:
        samples = stored["x"]
    session = onnxruntime.InferenceSession(path)
    library = compile_file(quantize_onnx(path, samples, chip, measure=False).model, chip)
    calibrated = [x[np.newaxis] for number, x in enumerate(samples) if number % 4 != 3]
    for x in calibrated:
        assert library(x).argmax() == session.run(None, {"input_1": x})[0].argmax()
