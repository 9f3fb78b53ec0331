"""Products and normalizations from ONNX to the chip's integers, in every form that occurs."""

import numpy as np
import pytest
from qdq_product import (
    Network,
    assert_same,
    integers,
    on_tvm,
    operators_of,
    rules_of,
)

CHIPS = ("esp32", "esp32s3", "esp32p4")
RNG = np.random.default_rng(31)


def floats(shape, exponent, dtype="int8"):
    spread = np.iinfo(dtype).max * 2.0 ** (exponent - 1)
    return (RNG.normal(size=shape) * spread).astype(np.float32)


def product(lib, name):
    assert name in operators_of(lib), str(lib.report())
    assert not on_tvm(lib), str(lib.report())


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize(
    ("a_shape", "b_shape"),
    [((1, 5, 20), (1, 20, 17)), ((1, 3, 4, 8), (1, 1, 8, 5)), ((1, 2, 4, 9), (1, 9, 33))],
)
def test_matmul_of_activations(chip, dtype, a_shape, b_shape):
    net = Network()
    a, b = net.input("a", a_shape, -5, dtype), net.input("b", b_shape, -6, dtype)
    y = net.quantized(net.node("MatMul", a, b), -4, dtype)
    lib = net.build(y, chip=chip)
    product(lib, "matmul")
    assert_same(lib, floats(a_shape, -5, dtype), floats(b_shape, -6, dtype))


def test_matmul_with_a_batch_of_constants_and_relu():
    net = Network()
    a = net.input("a", (1, 3, 6, 8), -5)
    b = net.weights(integers(RNG, "int8", (3, 8, 16)), -7)
    y = net.quantized(net.node("Relu", net.node("MatMul", a, b)), -3)
    lib = net.build(y)
    product(lib, "matmul")
    assert "gemm" not in operators_of(lib)
    assert_same(lib, floats((1, 3, 6, 8), -5))


def test_matmul_with_the_constant_in_front():
    net = Network()
    b = net.input("b", (1, 8, 5), -5)
    y = net.quantized(net.node("MatMul", net.weights(integers(RNG, "int8", (6, 8)), -7), b), -3)
    lib = net.build(y)
    product(lib, "matmul")
    assert_same(lib, floats((1, 8, 5), -5))


def test_matmul_after_an_image_stays_in_the_models_layout():
    net = Network()
    x = net.input("x", (1, 4, 5, 6), -4)
    w = net.weights(integers(RNG, "int8", (4, 4, 1, 1)), -6)
    conv = net.quantized(net.node("Conv", x, w), -4)
    y = net.quantized(net.node("MatMul", conv, net.input("b", (1, 1, 6, 3), -5)), -2)
    lib = net.build(y)
    product(lib, "matmul")
    assert_same(lib, floats((1, 4, 5, 6), -4), floats((1, 1, 6, 3), -5))


def test_matmul_with_five_dimensions_runs_on_tvm():
    net = Network()
    a, b = net.input("a", (1, 2, 2, 3, 4), -5), net.input("b", (1, 2, 2, 4, 3), -5)
    lib = net.build(net.quantized(net.node("MatMul", a, b), -4))
    assert rules_of(lib) == {"ranks_fit"}
    assert_same(lib, floats((1, 2, 2, 3, 4), -5), floats((1, 2, 2, 4, 3), -5))


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize("depthwise", [False, True])
def test_conv1d(chip, dtype, depthwise):
    net = Network()
    x = net.input("x", (1, 6, 30), -4, dtype)
    w = net.weights(integers(RNG, dtype, (6, 1 if depthwise else 6, 3), 0.3), -6)
    b = net.weights(RNG.integers(-900, 900, 6).astype(np.int32), -10)
    attributes = {"group": 6 if depthwise else 1, "pads": [2, 1], "strides": [2]}
    y = net.node("Conv", x, w, b, kernel_shape=[3], **attributes)
    lib = net.build(net.quantized(net.node("Relu", y), -3, dtype), chip=chip)
    product(lib, "depthwise_conv1d" if depthwise else "conv1d")
    assert_same(lib, floats((1, 6, 30), -4, dtype))


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize(
    "case",
    [
        ((3, 3), (2, 2), (1, 1, 1, 1), (1, 1), (1, 1), 1),
        ((4, 4), (2, 2), (1, 1, 1, 1), (0, 0), (1, 1), 1),
        ((2, 2), (2, 2), (0, 0, 0, 0), (0, 0), (1, 1), 1),
        ((2, 3), (3, 2), (0, 1, 0, 0), (0, 1), (1, 1), 1),
        ((3, 3), (1, 1), (1, 0, 1, 2), (0, 0), (1, 2), 1),
        ((3, 3), (2, 2), (1, 1, 1, 1), (1, 1), (1, 1), 5),
    ],
)
def test_transposed_convolution(chip, case):
    """Against the sums of ONNX's definition, worked out in NumPy."""
    kernel, strides, pads, tail, dilations, group = case
    net = Network()
    channels, depth = (5, 5) if group > 1 else (7, 5)
    w = integers(RNG, "int8", (depth, channels // group, *kernel), 0.3)
    b = RNG.integers(-2000, 2000, channels).astype(np.int32)
    node = net.node(
        "ConvTranspose",
        *(net.input("x", (1, depth, 4, 5), -4), net.weights(w, -6), net.weights(b, -10)),
        **{"strides": strides, "pads": pads, "output_padding": tail},
        **{"dilations": dilations, "group": group},
    )
    lib = net.build(net.quantized(node, -2), chip=chip)
    product(lib, "depthwise_conv2d" if group > 1 else "conv2d")
    assert ("insert_zeros" in operators_of(lib)) == (strides != (1, 1))
    x = floats((1, depth, 4, 5), -4)
    assert_same(lib, x)
    q = np.clip(np.floor(x.astype(np.float64) * 16 + 0.5), -128, 127).astype(np.int64)
    sums = transposed_sums(q[0], w.astype(np.int64), strides, dilations, group)
    rows, columns = lib(x).shape[2:]
    padded = np.pad(sums, ((0, 0), (0, 9), (0, 9)))[:, pads[0] :, pads[1] :]
    expected = (padded[:, :rows, :columns] + b[:, None, None]) / 2.0**10
    clipped = np.clip(expected, -32, 127 / 4)
    assert np.abs(lib(x)[0] - clipped).max() <= 0.125 + 0.0625


def transposed_sums(x, w, strides, dilations, group):
    depth, rows, columns = x.shape
    channels = w.shape[1] * group
    extent = [
        (n - 1) * s + (k - 1) * d + 1
        for n, s, k, d in zip((rows, columns), strides, w.shape[2:], dilations, strict=True)
    ]
    sums = np.zeros((channels, *extent), np.int64)
    for c in range(depth):
        targets = [c] if group > 1 else range(channels)
        for n, o in enumerate(targets):
            for i, j in np.ndindex(*w.shape[2:]):
                top, left = i * dilations[0], j * dilations[1]
                part = sums[o, top:, left:][:: strides[0], :: strides[1]][:rows, :columns]
                part += x[c] * w[c, n if group == 1 else 0, i, j]
    return sums


@pytest.mark.parametrize("groups", [2, 4])
def test_transposed_convolution_with_groups_is_one_for_each(groups):
    w = integers(RNG, "int8", (4, 6 // groups, 3, 3), 0.3)
    image = floats((1, 4, 4, 4), -4, "int8")

    def built(weights, groups):
        net = Network()
        x = net.input("x", (1, len(weights), 4, 4), -4)
        given = {"group": groups, "strides": [2, 1], "pads": [1, 0, 1, 1]}
        return net.build(net.quantized(net.node("ConvTranspose", x, net.weights(weights, -6),
                                                **given), -2))  # fmt: skip

    if groups == 4:
        w = integers(RNG, "int8", (4, 2, 3, 3), 0.3)
    whole = built(w, groups)
    assert not rules_of(whole), str(whole.report())
    size = 4 // groups
    parts = [
        built(w[n : n + size], 1)(np.ascontiguousarray(image[:, n : n + size]))
        for n in range(0, 4, size)
    ]
    np.testing.assert_array_equal(whole(image), np.concatenate(parts, axis=1))


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_layer_norm(chip, dtype):
    net = Network()
    full = -6 if dtype == "int8" else -13
    scale = net.weights(integers(RNG, dtype, (16,)), full)
    bias = net.weights(integers(RNG, dtype, (16,)), full)
    x = net.input("x", (1, 7, 16), full, dtype)
    y = net.node("LayerNormalization", x, scale, bias, axis=-1, epsilon=1e-5)
    lib = net.build(net.quantized(y, full + 1, dtype), chip=chip)
    product(lib, "layer_norm")
    assert_same(lib, floats((1, 7, 16), full, dtype))


def test_layer_norm_of_float_parameters_runs_on_tvm():
    net = Network()
    scale = net.constant(RNG.normal(size=16).astype(np.float32))
    y = net.node("LayerNormalization", net.input("x", (1, 7, 16), -6), scale, axis=-1)
    lib = net.build(net.quantized(y, -5))
    assert rules_of(lib) == {"parameters_are_quantized"}


def test_layer_norm_without_parameters():
    net = Network()
    scale = net.constant(np.ones(16, np.float32))
    y = net.node("LayerNormalization", net.input("x", (1, 7, 16), -6), scale, axis=-1)
    lib = net.build(net.quantized(y, -5))
    product(lib, "layer_norm")
    assert_same(lib, floats((1, 7, 16), -6))


def test_layer_norm_of_large_values_runs_on_tvm():
    net = Network()
    scale = net.constant(np.ones(16, np.float32))
    y = net.node("LayerNormalization", net.input("x", (1, 7, 16), 1), scale, axis=-1)
    assert rules_of(net.build(net.quantized(y, -5))) == {"root_ends"}


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("axis", [1, -1])
def test_log_softmax(chip, axis):
    net = Network()
    lib = net.build(net.node("LogSoftmax", net.input("x", (1, 5, 9), -4), axis=axis), chip=chip)
    product(lib, "log_softmax")
    x = floats((1, 5, 9), -4)
    assert_same(lib, x)
    real = np.clip(np.floor(x * 16 + 0.5), -128, 127) / 16
    expected = real - np.log(np.exp(real).sum(axis=axis, keepdims=True))
    np.testing.assert_allclose(lib(x), expected, rtol=1e-5, atol=1e-6)


def test_log_softmax_of_floats_runs_on_tvm():
    net = Network()
    x = net.quantized(net.node("Sin", net.input("x", (1, 5, 9))), -4)
    lib = net.build(net.node("LogSoftmax", net.node("Sin", x)))
    assert "log_softmax" not in operators_of(lib)
    assert on_tvm(lib)
