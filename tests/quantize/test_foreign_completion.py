"""Ranges for what the quantizer of others left float; no stated range may change."""

import numpy as np
import pytest
from foreign_networks import Qdq, by_onnxruntime, quantization, run
from networks import quantized_digits
from onnx import TensorProto, load, numpy_helper

from tvm_espdl.errors import DataError
from tvm_espdl.onnx_graphs.graph import Graph
from tvm_espdl.quantize import preprocess_onnx
from tvm_espdl.quantize.foreign import (
    complete_ranges,
    nearest_exponent,
    strip_quantization,
    take_as_is,
)
from tvm_espdl.quantize.plan import make_plan

SEED = 79
RNG = np.random.default_rng(SEED)
IMAGE = (1, 4, 6, 6)
ZERO = np.int8(0)


def completed(net, *outputs, samples=None):
    stripped = strip_quantization(net.model(*outputs))
    ranges = complete_ranges(stripped.model, stripped, samples)
    assert {name: ranges[name] for name in stripped.ranges} == stripped.ranges
    return ranges


def test_what_is_moved_has_the_range_of_where_it_comes_from():
    net = Qdq()
    x = net.pair(net.input("x", IMAGE), 0.5, ZERO)
    pool = net.node("MaxPool", x, output="pool", kernel_shape=[2, 2])
    net.node("Transpose", pool, output="turned", perm=[0, 1, 3, 2])
    net.node("Relu", "turned", output="relu")
    other = net.constant(np.float32([[[[-99.0] * 5] * 5] * 4]))
    net.node("Concat", "relu", other, output="y", axis=1)
    ranges = completed(net, "y")
    assert ranges["x"] == ranges["pool"] == ranges["turned"] == (-64.0, 63.5)
    assert ranges["relu"] == (0.0, 63.5)
    assert ranges["y"] == (-99.0, 63.5)


def test_what_is_moved_has_the_range_of_where_it_goes():
    net = Qdq()
    x = net.pair(net.input("x", IMAGE), 0.5, ZERO)
    net.node("GlobalAveragePool", x, output="mean")
    net.pair(net.node("Flatten", "mean", output="flat"), 0.125, ZERO, output="y")
    ranges = completed(net, "y")
    assert ranges["mean"] == ranges["y"] == (-16.0, 15.875)


@pytest.mark.parametrize(
    ("operator", "bounds"), [("Tanh", (-1, 1)), ("Sigmoid", (0, 1)), ("Softmax", (0, 1))]
)
def test_functions_that_are_bounded(operator, bounds):
    net = Qdq()
    net.node(operator, net.pair(net.input("x", IMAGE), 0.5, ZERO), output="y")
    assert completed(net, "y")["y"] == bounds


def test_averages_are_measured_on_given_samples_only():
    net = Qdq()
    x = net.pair(net.input("x", IMAGE), 0.5, ZERO)
    net.node("GlobalAveragePool", x, output="y")
    assert completed(net, "y")["y"] == (-64.0, 63.5)
    samples = [{"x": np.full(IMAGE, value, np.float32)} for value in (-3, 0, 5)]
    assert completed(net, "y", samples=samples)["y"] == (-3.0, 5.0)


def sums(net):
    x = net.pair(net.input("x", IMAGE), 0.5, ZERO)
    net.node("Add", x, x, output="y")
    return net


def test_the_rest_is_measured():
    samples = [{"x": RNG.normal(size=IMAGE).astype(np.float32)} for _ in range(5)]
    values = np.array([sample["x"] for sample in samples])
    ranges = completed(sums(Qdq()), "y", samples=iter(samples))
    assert ranges["y"] == (2 * values.min(), 2 * values.max())
    assert ranges["x"] == (-64.0, 63.5)


def test_random_inputs_repeat():
    stripped = strip_quantization(sums(Qdq()).model("y"))
    first, again, other = (
        complete_ranges(stripped.model, stripped, seed=seed)["y"] for seed in (1, 1, 2)
    )
    assert first == again != other
    assert -128 <= first[0] < -64 < 63.5 < first[1] <= 127


def test_inputs_without_a_range_need_samples():
    net = Qdq()
    x = net.pair(net.input("x", IMAGE), 0.5, ZERO)
    net.node("Mul", x, net.input("f", IMAGE), output="y")
    with pytest.raises(DataError, match=r"input 'f'.*range.*not known.*give samples"):
        completed(net, "y")


def test_integer_tensors_have_no_range():
    net = Qdq()
    x = net.pair(net.input("x", IMAGE), 0.5, ZERO)
    net.node("ArgMax", x, output="y", axis=1)
    stripped = strip_quantization(net.model("y", y=TensorProto.INT64))
    assert set(complete_ranges(stripped.model, stripped)) == {"x"}


@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
@pytest.mark.parametrize("name", ["digits_cnn", "kws_conv1d", "actzoo_32"])
def test_every_tensor_of_the_plan_has_a_range(form, name, tmp_path, models_dir):
    """After preprocessing, too: what is to be quantized then has kept its name."""
    with np.load(models_dir / "float" / f"{name}.calib.npz") as stored:
        images = stored[stored.files[0]].astype(np.float32)[:4]
    model = load(models_dir / "float" / f"{name}.onnx")
    original = by_onnxruntime(
        *(model, images, tmp_path, form, model.graph.input[0].name),
        activation_type=quantization.QuantType.QUInt8,
    )
    stripped = strip_quantization(original)
    prepared = preprocess_onnx(stripped.model)
    ranges = complete_ranges(prepared, stripped)
    tensors = make_plan(Graph(prepared)).tensors()
    assert len(tensors) > 8
    assert set(tensors) <= set(ranges)
    kept = [tensor for tensor in tensors if tensor in stripped.ranges]
    assert len(kept) >= 0.6 * len(tensors)


@pytest.mark.parametrize("chip", ["esp32", "esp32s3", "esp32p4"])
def test_our_own_models_lose_nothing(chip):
    """They are taken as they are, and stripped, the nearest exponents are those they have."""
    model = quantized_digits(chip)
    taken = take_as_is(model, chip)
    assert taken.graph.node == model.graph.node
    stripped = strip_quantization(model)
    exponents = {n: nearest_exponent(*r, stripped.bits[n]) for n, r in stripped.ranges.items()}
    stored = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    outputs = {
        node.input[0]: node.output[0]
        for node in model.graph.node
        if node.op_type == "DequantizeLinear"
    }
    count = 0
    for node in model.graph.node:
        # What is brought to another exponent at one reader keeps its own at the others.
        if node.op_type == "QuantizeLinear" and node.input[0] not in outputs.values():
            last = outputs[node.output[0]]
            name = node.input[0] if node.input[0] in exponents else last
            assert exponents[name] == np.log2(stored[node.input[1]]), name
            count += 1
    assert count > 8
    feed = {model.graph.input[0].name: RNG.uniform(0, 1, (1, 1, 8, 8)).astype(np.float32)}
    for name, value in run(model, feed).items():
        np.testing.assert_array_equal(run(taken, feed)[name], value)
