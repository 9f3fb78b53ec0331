"""The real networks that whole-model tests run, quantized by our own quantizer, one per chip."""

from functools import cache

import numpy as np

from tvm_espdl.compilation import compile_file
from tvm_espdl.demo import DATA
from tvm_espdl.program import reference
from tvm_espdl.quantize import preprocess_onnx, quantize_onnx

CHIPS = ("esp32s3", "esp32p4", "esp32")


def digits_arrays():
    with np.load(DATA / "digits.npz") as stored:
        return {name: stored[name] for name in stored.files}


@cache
def quantized_digits(chip):
    """The committed digits network as a QDQ model."""
    float_model = preprocess_onnx(DATA / "digits_cnn.onnx")
    calibration = digits_arrays()["calibration"]
    return quantize_onnx(float_model, calibration, chip, measure=False).model


@cache
def quantized_seed(models, chip):
    """The seed flow's ResNet-8 as a QDQ model; `models` is the folder of Espressif's models."""
    with np.load(models / "float" / "seed_resnet8.calib.npz") as stored:
        calibration = stored["x"]
    float_model = preprocess_onnx(models / "seed" / "model.onnx")
    return quantize_onnx(float_model, calibration, chip, measure=False).model


@cache
def library(name, chip, models=None):
    """The library of `digits` or `seed` for a chip; compiled once in a test run."""
    model = quantized_digits(chip) if name == "digits" else quantized_seed(models, chip)
    return compile_file(model)


def samples(network, count, seed):
    """Random inputs that cover a network's input range."""
    rng = np.random.default_rng(seed)
    program = network.program
    shape = program.values[program.inputs[0]].shape
    low, high = (-1.0, 1.0) if shape[1] == 1 else (0.0, 255.0)
    return [[rng.uniform(low, high, shape).astype(np.float32)] for _ in range(count)]


def by_reference(program, inputs):
    """Every value of a program, step by step by the operators' own NumPy references."""
    names = program.input_names or program.inputs
    return reference.run(program, dict(zip(names, inputs, strict=True)))
