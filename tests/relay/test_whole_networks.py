"""Two real networks on three chip families: every way to run them gives the same bits."""

import numpy as np
import pytest
import tvm
from network_in_c import run_network
from networks import CHIPS, by_reference, library, quantized_seed, samples
from tvm import relax, relay

from tvm_espdl.toolchain.compiler import Compiler

SEED = 20261121
RANDOM_INPUTS = 16


@pytest.fixture(params=["digits", "seed"])
def network_name(request):
    return request.param


@pytest.fixture
def network(network_name, chip, request):
    models = request.getfixturevalue("models_dir") if network_name == "seed" else None
    return library(network_name, chip, models)


@pytest.fixture(params=CHIPS)
def chip(request):
    return request.param


def expected_outputs(network, inputs):
    values = by_reference(network.program, inputs)
    return [values[name] for name in network.program.outputs]


def assert_same_bits(actual, expected, message):
    assert len(expected) > 0
    for one, other in zip(actual, expected, strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        np.testing.assert_array_equal(one, other, err_msg=message)
        assert one.tobytes() == other.tobytes(), message  # NaN and -0.0, too


def test_numpy_host_and_c_agree(network, c_compiler):
    inputs = samples(network, RANDOM_INPUTS, SEED)
    in_c = run_network(network.program, inputs, c_compiler)
    for number, sample in enumerate(inputs):
        message = f"seed {SEED}, sample {number}"
        expected = expected_outputs(network, sample)
        assert_same_bits(network.run(sample), expected, f"host, {message}")
        assert_same_bits(in_c[number], expected, f"C, {message}")


def test_emulated_riscv_agrees(network, rv32):
    inputs = samples(network, RANDOM_INPUTS, SEED + 1)
    for number, (sample, outputs) in enumerate(
        zip(inputs, run_network(network.program, inputs, rv32), strict=True)
    ):
        assert_same_bits(outputs, network.run(sample), f"seed {SEED + 1}, sample {number}")


def test_c_is_clean_under_sanitizers(network, c_compiler):
    inputs = samples(network, 2, SEED + 2)
    outputs = run_network(network.program, inputs, Compiler.sanitized())
    for sample, result in zip(inputs, outputs, strict=True):
        assert_same_bits(result, network.run(sample), f"seed {SEED + 2}")


def test_intermediates_are_the_references(network):
    (sample,) = samples(network, 1, SEED + 3)
    expected = by_reference(network.program, sample)
    seen = network.run_with_intermediates(*sample)
    assert set(seen) == set(network.program.values) - set(network.program.constants)
    for name, array in seen.items():
        np.testing.assert_array_equal(array, expected[name], err_msg=f"{name}, seed {SEED + 3}")


def test_everything_runs_on_espdl_and_nothing_is_transposed_inside(network):
    rows = network.report().rows
    assert {row.defined_by for row in rows} == {"ESP-DL"}
    products = [n for n, row in enumerate(rows) if row.macs]
    inside = [row.operator for row in rows[products[0] : products[-1]]]
    assert "transpose" not in inside


def test_seed_network_says_class_6_every_way(models_dir):
    x = np.load(models_dir / "seed" / "input_sample.npy")
    mod, params = relay.frontend.from_onnx(quantized_seed(models_dir, "esp32s3"))
    with tvm.transform.PassContext(opt_level=3):
        lib = relay.build(mod, target="espdl", params=params)

    results = {"lib(x)": lib(x), "lib(input_1=x)": lib(input_1=x)}
    module = tvm.contrib.graph_executor.GraphModule(lib["default"](tvm.cpu(0)))
    module.set_input("input_1", x)
    module.run()
    results["GraphModule"] = module.get_output(0).numpy()
    for name, build in (
        ("relax.build", lambda: relax.build(mod, "espdl")),
        ("tvm.compile", lambda: tvm.compile(mod, target="espdl")),
    ):
        machine = relax.VirtualMachine(build(), tvm.cpu())
        results[name] = machine["main"](tvm.runtime.tensor(x)).numpy()

    for name, result in results.items():
        assert result.shape == (1, 10)
        assert result.argmax() == 6, name
        np.testing.assert_array_equal(result, results["lib(x)"], err_msg=name)


def test_exported_library_gives_the_same_bits(tmp_path, c_compiler):
    network = library("digits", "esp32s3")
    (sample,) = samples(network, 1, SEED + 4)
    network.export_library(tmp_path / "digits.so")
    loaded = tvm.runtime.load_module(str(tmp_path / "digits.so"))
    machine = relax.VirtualMachine(loaded, tvm.cpu())
    result = machine["main"](tvm.runtime.tensor(sample[0])).numpy()
    assert_same_bits([result], network.run(sample), f"seed {SEED + 4}")


def test_integer_input_is_taken_as_quantized():
    network = library("digits", "esp32s3")
    (sample,) = samples(network, 1, SEED + 5)
    quantized = network.run_with_intermediates(*sample)["input"]
    assert quantized.dtype == np.int8
    assert_same_bits([network(quantized)], network.run(sample), f"seed {SEED + 5}")
