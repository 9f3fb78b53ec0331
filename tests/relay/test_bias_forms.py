"""Where a bias may stand and how wide it may be: each form gives the chip's bits."""

import numpy as np
import pytest
from form_checks import CHIPS, CONV, IMAGE, RNG, calls, constants, filters, image, record
from qdq_product import Network, assert_same, integers, on_tvm, operators_of, rules_of


@pytest.mark.parametrize("chip", CHIPS)
def test_float_bias_is_rounded_as_the_chip_does(chip):
    net = Network()
    w, _ = filters(net, 8)
    ties = np.float32([0.5, 1.5, -0.5, -1.5, 2.49, 2.51, 300.2, 3e9]) * np.float32(2.0**-10)
    y = net.node("Conv", net.input("x", IMAGE, -4), w, net.constant(ties), pads=[1] * 4)
    lib = net.build(net.quantized(y, -3), chip=chip)
    calls(lib, CONV)
    most = {"esp32": 2**31 - 1, "esp32s3": 2**19 - 1, "esp32p4": 2**31 - 1}[chip]
    rounded = {"esp32p4": [0, 2, 0, -2]}.get(chip, [1, 2, 0, -1])
    assert constants(lib, "conv2d")[1].tolist() == [*rounded, 2, 3, 300, most]
    (warning,) = (w for w in lib.report().warnings if "bias" in w)
    bits = {"esp32s3": "20 bits"}.get(chip, "32 bits")
    assert warning.startswith("conv_3_real: 1 of 8 values of its float bias"), warning
    assert bits in warning
    assert_same(lib, image())


@pytest.mark.parametrize("spelling", ["operand", "in front", "scalar"])
def test_float_bias_of_a_refused_convolution_stays_what_it_is(spelling):
    """ESP-DL has no grouped convolution: TVM adds the floats themselves."""
    net = Network()
    w = integers(RNG, "int8", (4, 3, 1, 1))
    b = np.float32([0.3, -1e6, 1 / 3, 2.0**-30])
    x, weights = net.input("x", (1, 6, 2, 2), -4), net.weights(w, -6)
    if spelling == "operand":
        y = net.node("Conv", x, weights, net.constant(b), group=2)
    else:
        b = b if spelling == "in front" else np.float32([0.3] * 4)
        constant = b.reshape(4, 1, 1) if spelling == "in front" else b[0]
        y = net.node("Add", net.constant(constant), net.node("Conv", x, weights, group=2))
    lib = net.build(y)
    assert not any("bias" in warning for warning in lib.report().warnings)
    image = (RNG.integers(-128, 128, (1, 6, 2, 2)) / 16).astype(np.float32)
    parts = image.reshape(2, 3, 2, 2).astype(np.float64)
    sums = np.einsum("gihw,goi->gohw", parts, w.reshape(2, 2, 3) / 64.0).reshape(1, 4, 2, 2)
    expected = (sums + b.astype(np.float64)[:, None, None]).astype(np.float32)
    np.testing.assert_allclose(lib(image), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("bias", [np.full((8, 5, 3), 0.5), np.full(8, np.inf)])
def test_float_constants_that_are_no_bias_are_added_by_tvm(bias):
    net = Network()
    w, _ = filters(net)
    constant = net.constant(bias.reshape(bias.shape if bias.ndim > 1 else (8, 1, 1)).astype("f"))
    y = net.node("Add", net.node("Conv", net.input("x", IMAGE, -4), w), constant)
    lib = net.build(net.quantized(y, -3))
    assert on_tvm(lib)
    assert "conv2d" not in operators_of(lib)


def test_bias_added_in_front_by_an_add_node():
    net = Network()
    w, _ = filters(net)
    b = net.weights(RNG.integers(-999, 999, (8, 1, 1)).astype(np.int32), -10)
    y = net.node("Add", b, net.node("Conv", net.input("x", IMAGE, -4), w))
    lib = net.build(net.quantized(net.node("Relu", y), -3))
    calls(lib, CONV)
    assert record(lib, "conv2d").activation == "relu"
    assert_same(lib, image())


def test_scalar_bias():
    net = Network()
    w, _ = filters(net)
    y = net.node("Add", net.node("Conv", net.input("x", IMAGE, -4), w), net.constant(np.float32(3)))
    lib = net.build(net.quantized(y, -3))
    calls(lib, CONV)
    assert constants(lib, "conv2d")[1].tolist() == [3 << 10] * 8


def test_bias_at_a_larger_exponent_is_shifted():
    net = Network()
    w, _ = filters(net)
    b = integers(RNG, "int8", (8,))
    y = net.node("Conv", net.input("x", IMAGE, -4), w, net.weights(b, -5))
    lib = net.build(net.quantized(y, -3))
    calls(lib, CONV)
    assert constants(lib, "conv2d")[1].tolist() == (b.astype(int) << 5).tolist()


def test_bias_at_a_smaller_exponent_is_refused():
    net = Network()
    w, _ = filters(net)
    b = net.weights(RNG.integers(-999, 999, 8).astype(np.int32), -12)
    lib = net.build(net.quantized(net.node("Conv", net.input("x", IMAGE, -4), w, b), -3))
    assert rules_of(lib) == {"bias_exponent_is_of_products"}


def test_narrow_bias_of_int16_data_is_widened():
    net = Network()
    w, _ = filters(net, dtype="int16", exponent=-14)
    b = net.weights(RNG.integers(-(2**30), 2**30, 8).astype(np.int32), -26)
    y = net.node("Conv", net.input("x", IMAGE, -12, "int16"), w, b)
    lib = net.build(net.quantized(y, -11, "int16"))
    calls(lib, CONV)
    assert constants(lib, "conv2d")[1].dtype == np.int64
    assert_same(lib, image(-12))


def test_bias_per_channel_on_the_p4():
    net = Network()
    exponents = [-6, -7, -8, -6, -5, -6, -7, -9]
    w = net.weights(integers(RNG, "int8", (8, 6, 3, 3)), exponents)
    b = RNG.normal(size=8).astype(np.float32)
    lib = net.build(
        net.quantized(net.node("Conv", net.input("x", IMAGE, -4), w, net.constant(b)), -2),
        chip="esp32p4",
    )
    calls(lib, CONV)
    scaled = b.astype(np.float64) * 2.0 ** (4 - np.array(exponents))
    assert constants(lib, "conv2d")[1].tolist() == np.rint(scaled).tolist()
    assert_same(lib, image())


def test_exponents_per_input_channel_are_refused():
    net = Network()
    w = net.weights(integers(RNG, "int8", (8, 6, 3, 3)), [-6, -7, -8, -6, -5, -6], axis=1)
    lib = net.build(
        net.quantized(net.node("Conv", net.input("x", IMAGE, -4), w), -2), chip="esp32p4"
    )
    assert "exponents_are_per_output_channel" in rules_of(lib)


def test_weights_of_another_type_are_refused():
    net = Network()
    w, _ = filters(net, exponent=-6)
    y = net.node("Conv", net.input("x", IMAGE, -11, "int16"), w)
    # What is a float result as well is not widened.
    lib = net.build(net.quantized(y, -9, "int16"), y)
    assert "types_are_equal" in rules_of(lib)
