"""Real architectures, quantized by our tool: all on ESP-DL, and NumPy = host = C bit for bit.

The small ones run on the PC for each family and, as they are exported, on emulated chips. By
default each large one is for one chip, and each network is compiled by one of the PC's compilers;
with TVM_ESPDL_ALL=1 all networks, in int8 and in int16, are for all families, with both. The digits
are otherwise those of test_whole_networks.
"""

import os
from functools import cache

import numpy as np
import pytest
from network_in_c import run_network
from networks import by_reference

from tvm_espdl.compilation import compile_file
from tvm_espdl.onnx_graphs.model import input_signature
from tvm_espdl.program.border.formats import border_of
from tvm_espdl.program.passes.native_border import integers_of_output
from tvm_espdl.quantize import preprocess_onnx, quantize_onnx
from tvm_espdl.toolchain.compiler import Compiler

EVERYTHING = os.environ.get("TVM_ESPDL_ALL") == "1"
SMALL = ("actzoo_32", "digits_cnn", "dscnn_kws_49x10", "kws_conv1d", "resnet8_32")
LARGE = {
    "mobilenetv2_035_96": "esp32",
    "mobilenetv2_100_224": "esp32p4",
    "yolo_nano_96": "esp32s3",
    "yolo_tiny_160": "esp32p4",
}
WIDE = "dscnn_kws_49x10"  # in int16, too
FAMILIES = ("esp32s3", "esp32p4", "esp32")
# Where each chip's C runs, and how it is optimized; the C3 shares the ESP32's arithmetic.
MACHINES = {
    "esp32s3": (Compiler.xtensa(), "-O2"),
    "esp32": (Compiler.xtensa(), "-Os"),
    "esp32p4": (Compiler.rv32(), "-O2"),
    "esp32c3": (Compiler.rv32(march="rv32imc", mabi="ilp32"), "-Os"),
}
# One that the model itself asks for: it multiplies a tensor with its own transpose.
OWN_TRANSPOSES = {"actzoo_32": 1}
INPUTS = 5
# What no sensor should give: beyond all integers, no numbers, and numbers too small for any.
EXTREME = np.array([np.inf, -np.inf, np.nan, 3e38, -3e38, 1e-45, -0.0, 0.0], np.float32)
SEED = 3


def cases():
    """Name, type and chip of what runs on this PC."""
    for name in (*SMALL, *LARGE):
        if name == "digits_cnn" and not EVERYTHING:
            continue
        for dtype in ("int8", "int16") if EVERYTHING or name == WIDE else ("int8",):
            for chip in FAMILIES:
                if EVERYTHING or LARGE.get(name, chip) == chip:
                    yield pytest.param((name, dtype, chip), id=f"{name}-{dtype}-{chip}")


def emulated_cases():
    for name in SMALL:
        for dtype in ("int8", "int16") if name == WIDE else ("int8",):
            for chip in MACHINES:
                yield pytest.param((name, dtype, chip), id=f"{name}-{dtype}-{chip}")


def calibration(models, name, shape):
    """Two of the network's own samples, or random ones."""
    path = models / "float" / f"{name}.calib.npz"
    if not path.exists():
        return np.random.default_rng(SEED).normal(size=(2, *shape[1:])).astype(np.float32)
    with np.load(path) as stored:
        return stored[stored.files[0]][:2].astype(np.float32)


def network_of(case, models):
    """The library, and inputs; small ones are kept for the next test."""
    return (cache_of_small if case[0] in SMALL else made)(case, models)


def made(case, models):
    """The library, and inputs: its own samples, random ones of a wider range, and extreme ones."""
    name, dtype, chip = case
    model = preprocess_onnx(models / "float" / f"{name}.onnx")
    ((shape, _),) = input_signature(model).values()
    samples = calibration(models, name, shape)
    int16 = "*" if dtype == "int16" else ()
    network = compile_file(quantize_onnx(model, samples, chip, int16=int16, measure=False).model)
    rng = np.random.default_rng(SEED)
    low, high = samples.min(), samples.max()
    inputs = [[samples[index : index + 1]] for index in range(2)]
    for _ in range(INPUTS - 1 - len(inputs)):
        inputs.append([rng.uniform(1.5 * low, 1.5 * high, shape).astype(np.float32)])
    inputs.append([rng.choice(EXTREME, shape)])
    return network, inputs


cache_of_small = cache(made)


def assert_same(results, expected, message):
    assert len(results) == len(expected) == INPUTS
    for result, wanted in zip(results, expected, strict=True):
        for one, other in zip(result, wanted, strict=True):
            assert (one.dtype, one.shape) == (other.dtype, other.shape)
            np.testing.assert_array_equal(one, other, err_msg=message)
            assert one.tobytes() == other.tobytes(), message


def native(program):
    """Integers for the input, and for the outputs that have some."""
    outputs = zip(program.output_names, program.outputs, strict=True)
    return "native", {n: "native" for n, value in outputs if integers_of_output(program, value)}


@pytest.mark.parametrize("case", list(cases()))
def test_on_this_pc(case, models_dir, c_compiler, clang):
    """C is compiled with every warning an error, and runs under sanitizers, in two tasks in turn.

    Two of three networks have integers at their border.
    """
    network, inputs = network_of(case, models_dir)
    rows = network.report().rows
    assert {row.defined_by for row in rows} == {"ESP-DL"}, network.report()
    products = [n for n, row in enumerate(rows) if row.macs]
    inside = [row.operator for row in rows[products[0] : products[-1]]]
    assert inside.count("transpose") == OWN_TRANSPOSES.get(case[0], 0)

    expected = [network.run(sample) for sample in inputs]
    values = by_reference(network.program, inputs[0])
    for one, output in zip(expected[0], network.program.outputs, strict=True):
        np.testing.assert_array_equal(one, values[output])
    turn = sorted([*SMALL, *LARGE]).index(case[0]) + FAMILIES.index(case[2])
    for by_clang in (False, True) if EVERYTHING else (bool(turn % 2),):
        compiler = Compiler.sanitized(clang=by_clang)
        border = border_of(network.program, *(native(network.program) if turn % 3 else ()))
        how = {"first": expected[0], "real": True, "tasks": True}
        results = run_network(border, inputs, compiler, **how)
        assert_same(results, expected, f"{case}, {compiler.name}, seed {SEED}")


@pytest.mark.parametrize("case", list(cases()))
def test_with_kernels_of_esp_dl(case, models_dir, c_compiler):
    """Every line of the glue, with a strict double in ESP-DL's place, on the caller's buffers."""
    network, inputs = network_of(case, models_dir)
    expected = [network.run(sample) for sample in inputs]
    border = border_of(network.program, *native(network.program))
    how = {"first": expected[0], "kernels": "esp-dl", "real": True}
    results = run_network(border, inputs, c_compiler, **how)
    assert_same(results, expected, f"{case}, seed {SEED}")


@pytest.mark.parametrize("case", list(emulated_cases()))
def test_on_an_emulated_chip(case, models_dir, rv32, xtensa):
    """The project as it is exported prints PASS; then it computes further inputs."""
    network, inputs = network_of(case, models_dir)
    expected = [network.run(sample) for sample in inputs]
    compiler, optimized = MACHINES[case[2]]
    results = run_network(
        network.program, inputs, compiler.with_flags(optimized), first=expected[0]
    )
    assert_same(results, expected, f"{case}, {compiler.name}, seed {SEED}")
