"""One positive and one negative case for each basic pattern.

Positive: the whole form becomes the operator, and the library gives the operator's own reference.
Negative: a form that looks alike stays with TVM, and the report says why where a rule is broken.
"""

import numpy as np
import pytest
from networks import by_reference
from qdq_builder import QdqBuilder

from tvm_espdl.compilation import compile_file
from tvm_espdl.program import Native

RNG = np.random.default_rng(5)
X = (1, 8, 6, 6)


def integers(*shape, low=-128, high=128, dtype=np.int8):
    return RNG.integers(low, high, shape).astype(dtype)


def convolution(builder, x, *, bias=True, groups=1, relu=False, filters=8, depth=8, axis=0):
    exponent, extra = (-7, {}) if axis == 0 else (np.arange(depth) % 2 - 7, {"axis": axis})
    w = builder.weights(integers(filters, depth, 3, 3), exponent, **extra)
    b = [builder.weights(integers(filters, low=-900, high=900, dtype=np.int32), -11)]
    y = builder.node("Conv", x, w, *(b if bias else []), group=groups, pads=[1, 1, 1, 1])
    return builder.node("Relu", y) if relu else y


def product(builder, x, **attributes):
    shape = (10, 8) if attributes.get("transB") else (8, 10)
    w = builder.weights(integers(*shape), -7)
    b = builder.weights(integers(10, low=-900, high=900, dtype=np.int32), -11)
    return builder.node("Gemm", x, w, b, **attributes)


def matmul_add(builder, x):
    w = builder.weights(integers(8, 10), -7)
    b = builder.weights(integers(10, low=-900, high=900, dtype=np.int32), -11)
    return builder.node("Add", builder.node("MatMul", x, w), b)


def add(builder, x, *, relu=False):
    other = builder.qdq(builder.input("other", X), -4)
    y = builder.node("Add", x, other)
    return builder.node("Relu", y) if relu else y


def clip(builder, x):
    return builder.node("Clip", x, builder.constant(np.float32(0)), builder.constant(np.float32(6)))


def shaped(builder, x, *shape):
    return builder.node("Reshape", x, builder.constant(np.array(shape, np.int64)))


# name -> (operator, shape of x, function of (builder, dequantized x) -> float result)
POSITIVE = {
    "conv2d": ("conv2d", X, convolution),
    "conv2d without bias": ("conv2d", X, lambda b, x: convolution(b, x, bias=False)),
    "conv2d with relu": ("conv2d", X, lambda b, x: convolution(b, x, relu=True)),
    "depthwise": ("depthwise_conv2d", X, lambda b, x: convolution(b, x, groups=8, depth=1)),
    "gemm": ("gemm", (1, 8), product),
    "gemm with transB": ("gemm", (1, 8), lambda b, x: product(b, x, transB=1)),
    "matmul and add": ("gemm", (1, 3, 8), matmul_add),
    "add": ("add", X, add),
    "add with relu": ("add", X, lambda b, x: add(b, x, relu=True)),
    "average pool": (
        "average_pool2d",
        X,
        lambda b, x: b.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2]),
    ),
    "global average pool": (
        "average_pool2d",
        X,
        lambda b, x: b.node("GlobalAveragePool", x),
    ),
    "max pool": (
        "max_pool2d",
        X,
        lambda b, x: b.node("MaxPool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    ),
    "relu": ("relu", X, lambda b, x: b.node("Relu", x)),
    "clip": ("clip", X, clip),
    "reshape": ("reshape", X, lambda b, x: shaped(b, x, 4, 72)),
    "flatten": ("reshape", X, lambda b, x: b.node("Flatten", x)),
    "transpose": (
        "transpose",
        (1, 3, 4, 5),
        lambda b, x: b.node("Transpose", x, perm=[0, 2, 1, 3]),
    ),
    "requantize": ("requantize", X, lambda b, x: b.qdq(x, -2)),
}

# name -> (rule or None, shape, function); the form stays with TVM.
NEGATIVE = {
    "grouped conv": (
        "groups_are_one_or_depthwise",
        X,
        lambda b, x: convolution(b, x, groups=2, depth=4, axis=1),
    ),
    "padded pool that leaves the padding out": (
        "divisor_is_whole_kernel",
        X,
        lambda b, x: b.node("AveragePool", x, kernel_shape=[2, 2], pads=[1, 1, 1, 1]),
    ),
    "max pool with dilation": (
        "window_is_not_dilated",
        X,
        lambda b, x: b.node("MaxPool", x, kernel_shape=[2, 2], dilations=[2, 2]),
    ),
    "transpose of seven axes": (
        "rank_fits",
        (1, 2, 1, 2, 1, 2, 3),
        lambda b, x: b.node("Transpose", x, perm=[6, 5, 4, 3, 2, 1, 0]),
    ),
}


def built(function, shape, *, output_exponent=-4, chip="esp32s3"):
    builder = QdqBuilder()
    x = builder.quantized_input("x", list(shape))
    builder.output(builder.qdq(function(builder, x), output_exponent))
    return compile_file(builder.model(), chip)


def random_inputs(network):
    program = network.program
    types = [program.values[name] for name in program.inputs]
    return [RNG.uniform(-9, 9, t.shape).astype(np.float32) for t in types]


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4", "esp32"])
@pytest.mark.parametrize("name", POSITIVE)
def test_form_becomes_the_operator(name, chip):
    operator, shape, function = POSITIVE[name]
    network = built(function, shape, chip=chip)
    rows = network.report().rows
    assert operator in [row.operator for row in rows], network.report()
    assert {row.defined_by for row in rows} == {"ESP-DL"}, network.report()
    inputs = random_inputs(network)
    expected = by_reference(network.program, inputs)
    for name_, array in network.run_with_intermediates(*inputs).items():
        np.testing.assert_array_equal(array, expected[name_])
    np.testing.assert_array_equal(network(*inputs), expected[network.program.outputs[0]])


@pytest.mark.parametrize("name", NEGATIVE)
def test_refused_form_runs_on_tvm_and_the_report_says_why(name):
    rule, shape, function = NEGATIVE[name]
    network = built(function, shape)
    report = network.report()
    assert any(isinstance(step.operator, Native) for step in network.program.steps), report
    reasons = {reason.refusal.rule: reason.refusal for reason in report.reasons}
    assert rule in reasons, report
    for part in (reasons[rule].sentence, reasons[rule].found, reasons[rule].allowed):
        assert part
    assert reasons[rule].found in str(report).replace("\n  ", " ")
    # It still computes: the float form on the dequantized values, quantized again.
    (output,) = network.run(random_inputs(network))
    assert np.isfinite(output).all()


def test_unquantized_relu_is_left_alone():
    builder = QdqBuilder()
    builder.output(builder.node("Relu", builder.quantized_input("x", [1, 4])))
    network = compile_file(builder.model())
    assert [row.defined_by for row in network.report().rows] == ["ESP-DL", "ESP-DL", "TVM"]
    x = np.array([[-1.0, 0.5, -0.25, 3.0]], np.float32)
    np.testing.assert_array_equal(network(x), np.maximum(x, 0))


def test_softmax_gives_floats():
    builder = QdqBuilder()
    builder.output(builder.node("Softmax", builder.quantized_input("x", [1, 12]), axis=-1))
    network = compile_file(builder.model())
    assert [row.operator for row in network.report().rows] == ["quantize", "softmax"]
    (inputs,) = random_inputs(network)
    exponentials = np.exp(np.clip(np.floor(inputs * 16 + 0.5), -128, 127) / 16)
    np.testing.assert_allclose(network(inputs), exponentials / exponentials.sum(), rtol=1e-6)


def test_softmax_over_float_data_is_left_alone():
    builder = QdqBuilder()
    builder.output(builder.node("Softmax", builder.input("x", [1, 12]), axis=-1))
    with pytest.warns(UserWarning, match="no part of the network is quantized"):
        network = compile_file(builder.model())
    assert [row.defined_by for row in network.report().rows] == ["TVM"]


def test_one_tensor_in_both_operands_and_as_output():
    builder = QdqBuilder()
    x = builder.quantized_input("x", [1, 4, 3, 3])
    doubled = builder.qdq(builder.node("Add", x, x), -4)
    builder.output(doubled)
    builder.output(builder.qdq(builder.node("Relu", doubled), -4))
    network = compile_file(builder.model())
    inputs = random_inputs(network)
    expected = by_reference(network.program, inputs)
    for result, name in zip(network.run(inputs), network.program.outputs, strict=True):
        np.testing.assert_array_equal(result, expected[name])
    quantized = np.clip(np.floor(inputs[0] * 16 + 0.5), -128, 127)
    np.testing.assert_array_equal(network.run(inputs)[0], np.clip(quantized * 2, -128, 127) / 16)
