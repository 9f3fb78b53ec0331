"""The quantize/dequantize forms that occur: each becomes the operator, and never changes a bit."""

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
RNG = np.random.default_rng(32)
IMAGE = (1, 6, 7, 5)
CONV = ["quantize", "conv2d", "dequantize"]
GEMM = ["quantize", "gemm", "dequantize"]


def image(exponent=-4):
    spread = 127 * 2.0 ** (exponent - 1)
    return (RNG.normal(size=IMAGE) * spread).astype(np.float32)


def filters(net, channels=8, exponent=-6, dtype="int8", kernel=3):
    w = integers(RNG, dtype, (channels, IMAGE[1], kernel, kernel), 0.3)
    return net.weights(w, exponent), w


def record(lib, name):
    return next(s.operator for s in lib.program.steps if s.operator.name == name)


def constants(lib, name):
    return next(s.constants for s in lib.program.steps if s.operator.name == name)


def calls(lib, wanted):
    kept = [o for o in operators_of(lib) if o not in ("transpose", "reshape")]
    assert kept == wanted, str(lib.report())
    assert not on_tvm(lib), str(lib.report())


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
    lib = net.build(net.quantized(y, -9, "int16"))
    assert "types_are_equal" in rules_of(lib)


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


def rows(shape=(1, 12)):
    return (RNG.normal(size=shape) * 4).astype(np.float32)


@pytest.mark.parametrize("transposed", [0, 1])
@pytest.mark.parametrize("bias", ["none", "float", "integer", "row"])
def test_gemm(transposed, bias):
    net = Network()
    w = integers(RNG, "int8", (9, 12) if transposed else (12, 9))
    values = RNG.integers(-999, 999, (1, 9) if bias == "row" else (9,)).astype(np.int32)
    operands = {
        "none": [],
        "float": [net.constant(values.ravel().astype(np.float32) / 1024)],
        "integer": [net.weights(values, -10)],
        "row": [net.weights(values, -10)],
    }[bias]
    y = net.node(
        *("Gemm", net.input("x", (1, 12), -4), net.weights(w, -6), *operands),
        transB=transposed,
    )
    lib = net.build(net.quantized(net.node("Relu", y), -2))
    calls(lib, GEMM)
    if bias != "none":
        assert constants(lib, "gemm")[1].tolist() == values.ravel().tolist()
    assert_same(lib, rows())


def test_matmul_and_add_are_a_gemm():
    net = Network()
    w = net.weights(integers(RNG, "int8", (12, 9)), -6)
    y = net.node("MatMul", net.input("x", (1, 5, 12), -4), w)
    y = net.node("Add", net.constant(RNG.normal(size=9).astype(np.float32)), y)
    lib = net.build(net.quantized(y, -2))
    calls(lib, GEMM)
    assert_same(lib, rows((1, 5, 12)))


def test_gemm_with_its_input_transposed():
    net = Network()
    w = net.weights(integers(RNG, "int8", (1, 9)), -6)
    y = net.node("Gemm", net.input("x", (1, 12), -4), w, transA=1)
    lib = net.build(net.quantized(y, -2))
    assert "gemm" in operators_of(lib), str(lib.report())
    assert not on_tvm(lib)
    assert_same(lib, rows())


def test_gemm_with_exponents_per_column_on_the_p4():
    net = Network()
    exponents = [int(n) for n in RNG.integers(-8, -5, 9)]
    w = net.weights(integers(RNG, "int8", (9, 12)), exponents, axis=0)
    y = net.node("Gemm", net.input("x", (1, 12), -4), w, transB=1)
    lib = net.build(net.quantized(y, -2), chip="esp32p4")
    calls(lib, GEMM)
    assert record(lib, "gemm").w.exponent == tuple(exponents)
    assert_same(lib, rows())


def test_gemm_with_exponents_per_row_is_refused():
    net = Network()
    w = net.weights(integers(RNG, "int8", (9, 12)), [-6, -7] * 6, axis=1)
    y = net.node("Gemm", net.input("x", (1, 12), -4), w, transB=1)
    lib = net.build(net.quantized(y, -2), chip="esp32p4")
    assert "exponents_are_per_output_channel" in rules_of(lib)


def test_flatten_without_quantization_of_its_own():
    net = Network()
    flat = net.node("Flatten", net.input("x", IMAGE, -4))
    w = net.weights(integers(RNG, "int8", (210, 9)), -6)
    lib = net.build(net.quantized(net.node("MatMul", flat, w), -1))
    calls(lib, GEMM)
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
