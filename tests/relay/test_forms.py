"""The quantize/dequantize forms that occur: each becomes the operator, and never changes a bit."""

import numpy as np
import pytest
from form_checks import CHIPS, CONV, IMAGE, RNG, calls, filters, image, record
from qdq_product import Network, assert_same, integers, on_tvm, operators_of, rules_of


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize(
    ("high", "wanted"),
    [(15.82, "relu"), (1e9, "relu"), (15.875, "relu"), (6.0, "clip"), (6.0625, "clip")],
)
def test_clip_behind_a_convolution(chip, high, wanted):
    """With an output scale of 1/8 integers end at 15.875."""
    net = Network()
    w, _ = filters(net, exponent=-5)
    conv = net.node("Conv", net.input("x", IMAGE, -4), w)
    limits = net.constant(np.float32(0)), net.constant(np.float32(high))
    lib = net.build(net.quantized(net.node("Clip", conv, *limits), -3), chip=chip)
    calls(lib, CONV if wanted == "relu" else ["quantize", "conv2d", "clip", "dequantize"])
    assert (record(lib, "conv2d").activation == "relu") == (wanted == "relu")
    assert_same(lib, image())
    assert lib(image()).max() <= np.ceil(high * 8) / 8


def test_clip_that_never_binds():
    net = Network()
    w, _ = filters(net)
    conv = net.node("Conv", net.input("x", IMAGE, -4), w)
    limits = net.constant(np.float32(-99)), net.constant(np.float32(99))
    lib = net.build(net.quantized(net.node("Clip", conv, *limits), -3))
    calls(lib, CONV)
    assert record(lib, "conv2d").activation == "linear"


@pytest.mark.parametrize("kind", ["Relu", "Clip"])
def test_activation_behind_quantization_at_one_scale(kind):
    net = Network()
    w, _ = filters(net)
    conv = net.quantized(net.node("Conv", net.input("x", IMAGE, -4), w), -3)
    extra = [net.constant(np.float32(n)) for n in (0, 99)] if kind == "Clip" else []
    lib = net.build(net.quantized(net.node(kind, conv, *extra), -3))
    calls(lib, CONV)
    assert record(lib, "conv2d").activation == "relu"
    assert_same(lib, image())


def test_activation_behind_quantization_at_another_scale_is_its_own_operator():
    net = Network()
    w, _ = filters(net)
    conv = net.quantized(net.node("Conv", net.input("x", IMAGE, -4), w), -3)
    lib = net.build(net.quantized(net.node("Relu", conv), -4))
    calls(lib, ["quantize", "conv2d", "relu", "dequantize"])
    assert_same(lib, image())


def test_a_tensor_that_is_an_output_and_read_again():
    net = Network()
    w, _ = filters(net)
    conv = net.quantized(net.node("Conv", net.input("x", IMAGE, -4), w), -3)
    relu = net.quantized(net.node("Relu", conv), -3)
    lib = net.build(conv, relu)
    assert "relu" in operators_of(lib)
    assert record(lib, "conv2d").activation == "linear"
    assert_same(lib, image())
    before, after = lib(image())
    assert (before < 0).any()
    np.testing.assert_array_equal(np.maximum(lib(x := image())[0], 0), lib(x)[1])
    assert after.min() == 0


def test_convolution_add_relu_with_a_shared_input():
    net = Network()
    x = net.input("x", IMAGE, -4)
    w, _ = filters(net, channels=6)
    conv = net.quantized(net.node("Conv", x, w, pads=[1] * 4), -4)
    lib = net.build(net.quantized(net.node("Relu", net.node("Add", conv, x)), -4))
    calls(lib, ["quantize", "conv2d", "add", "dequantize"])
    assert record(lib, "add").activation == "relu"
    assert_same(lib, image())


@pytest.mark.parametrize("quantized", [False, True])
def test_zero_padding_becomes_the_convolutions(quantized):
    net = Network()
    x = net.input("x", IMAGE, -4)
    pads = net.constant(np.array([0, 0, 1, 2, 0, 0, 2, 0], np.int64))
    padded = net.node("Pad", x, pads)
    w, _ = filters(net)
    conv = net.node("Conv", net.quantized(padded, -4) if quantized else padded, w, strides=[2, 1])
    lib = net.build(net.quantized(conv, -3))
    calls(lib, CONV)
    assert record(lib, "conv2d").pads == (1, 2, 2, 0)
    assert_same(lib, image())


@pytest.mark.parametrize(("value", "width"), [(0.5, 1), (0.0, 3)])
def test_padding_that_the_kernel_cannot_take_stays(value, width):
    net = Network()
    x = net.input("x", IMAGE, -4)
    pads = net.constant(np.array([0, 0, width, 0, 0, 0, 0, 0], np.int64))
    padded = net.quantized(net.node("Pad", x, pads, net.constant(np.float32(value))), -4)
    w, _ = filters(net)
    lib = net.build(net.quantized(net.node("Conv", padded, w), -3))
    assert record(lib, "conv2d").pads == (0, 0, 0, 0)
    assert_same(lib, image())


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("kind", ["Add", "Sub", "Max", "Min"])
def test_unequal_inputs_are_requantized(chip, kind):
    """Against NumPy: each input at the result's scale, then the raw integers."""
    net = Network()
    a, b = net.input("a", (1, 3, 5), -6), net.input("b", (1, 3, 5), -3)
    lib = net.build(net.quantized(net.node(kind, a, b, name="c"), -4), chip=chip)
    assert not on_tvm(lib), str(lib.report())
    assert operators_of(lib).count("requantize") == 2
    first, second = (RNG.normal(size=(1, 3, 5)).astype(np.float32) * n for n in (1.5, 12))
    assert_same(lib, first, second)
    rounded = np.rint if chip == "esp32p4" else lambda v: np.floor(v + 0.5)
    q = [np.clip(rounded(v * 2.0**n), -128, 127) for v, n in ((first, 6), (second, 3))]
    same = [np.clip(rounded(v), -128, 127) for v in (q[0] / 4, q[1] * 2)]
    combine = {"Add": np.add, "Sub": np.subtract, "Max": np.maximum, "Min": np.minimum}[kind]
    expected = np.clip(combine(*same), -128, 127) / 16
    np.testing.assert_array_equal(lib(first, second), expected)
    assert "extra requantize" in str(lib.report())


def test_concat_of_unequal_inputs():
    net = Network()
    a, b = net.input("a", (1, 3, 5, 4), -6), net.input("b", (1, 2, 5, 4), -4)
    lib = net.build(net.quantized(net.node("Concat", a, b, axis=1), -4))
    assert "concat" in operators_of(lib), str(lib.report())
    assert operators_of(lib).count("requantize") == 1
    shapes = (1, 3, 5, 4), (1, 2, 5, 4)
    assert_same(lib, *(RNG.normal(size=s).astype(np.float32) for s in shapes))


def test_max_pool_to_another_scale():
    net = Network()
    pool = net.node("MaxPool", net.input("x", IMAGE, -4), kernel_shape=[2, 2])
    lib = net.build(net.quantized(pool, -2))
    calls(lib, ["quantize", "max_pool2d", "requantize", "dequantize"])
    assert not rules_of(lib)
    assert_same(lib, image())


def test_sum_of_unequal_inputs_with_relu_and_a_constant():
    net = Network()
    k = net.weights(integers(RNG, "int8", (6, 1, 1)), -7)
    y = net.node("Relu", net.node("Add", net.input("x", IMAGE, -4), k))
    lib = net.build(net.quantized(y, -4))
    calls(lib, ["quantize", "add", "dequantize"])
    assert_same(lib, image())


def test_integers_quantized_twice():
    net = Network()
    w, _ = filters(net)
    x = net.quantized(net.input("x", IMAGE, -4), -4)
    lib = net.build(net.quantized(net.quantized(net.node("Conv", x, w), -3), -3))
    assert operators_of(lib).count("requantize") <= 1
    assert_same(lib, image())
