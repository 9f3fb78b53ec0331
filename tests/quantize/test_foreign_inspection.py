"""What of a quantized model the chips have, what other scales would cure, what nothing cures."""

import numpy as np
import onnx
import pytest
from foreign_networks import (
    MICROSOFT,
    Qdq,
    by_onnxruntime,
    float_model,
    operators,
    quantization,
    run,
)
from onnx import TensorProto, helper, numpy_helper

from tvm_espdl.chips import find_chip
from tvm_espdl.errors import ModelError
from tvm_espdl.quantize.foreign import inspect_quantized, is_quantized, strip_quantization

RNG = np.random.default_rng(72)
IMAGE = (1, 4, 6, 6)
WEIGHTS = RNG.integers(-127, 128, (6, 4, 3, 3)).astype(np.int8)
BIAS = RNG.integers(-999, 999, 6).astype(np.int32)
TWO, ZERO = np.float32(2), np.int8(0)


def network(opset=17, domain="", *, zero=ZERO, x=2**-5, w=2**-7, b=2**-12, y=2**-3):
    """One convolution with its pairs; the zero point's type is that of the activations."""
    net = Qdq(opset, domain)
    axis = {} if np.ndim(w) == 0 else {"axis": 0}
    inputs = [
        net.pair(net.input("x", IMAGE), x, zero),
        net.dequantize(net.constant(WEIGHTS, "w"), w, np.zeros(np.shape(w), np.int8), **axis),
        net.dequantize(net.constant(BIAS, "b"), b, np.zeros(np.shape(b), np.int32), **axis),
    ]
    net.pair(net.node("Conv", *inputs), y, zero, output="y")
    return net.model("y", shape=[1, 6, 4, 4])


def reasons(model):
    return [(finding.tensor, finding.reason) for finding in inspect_quantized(model).findings]


@pytest.mark.parametrize("opset", range(10, 24))
def test_powers_of_two_are_taken(opset):
    model = network(opset)
    inspection = inspect_quantized(model)
    assert inspection.is_ours, str(inspection)
    assert operators(strip_quantization(model).model) == ["Conv"]
    assert str(inspection) == "quantized with power-of-two scales: taken as it is"


@pytest.mark.parametrize(
    ("opset", "domain", "zero"),
    [(17, MICROSOFT, np.int8(0)), (17, MICROSOFT, np.int16(0)), (21, "", np.int16(0))],
)
def test_other_domains_and_widths_are_taken(opset, domain, zero):
    assert inspect_quantized(network(opset, domain, zero=zero)).is_ours


def test_one_exponent_per_channel_is_taken():
    w = np.exp2(RNG.integers(-9, -5, 6)).astype(np.float32)
    assert inspect_quantized(network(w=w, b=w * TWO**-5)).is_ours


def test_uint8_around_its_middle_is_int8():
    inspection = inspect_quantized(network(zero=np.uint8(128)))
    assert inspection.is_ours, str(inspection)
    types = {t.name: t.data_type for t in inspection.model.graph.initializer}
    zeros = [n.input[2] for n in inspection.model.graph.node if n.op_type == "QuantizeLinear"]
    assert {types[zero] for zero in zeros} == {TensorProto.INT8}
    finding = ("x", "a quantization scale is no power of two")
    assert finding in reasons(network(zero=np.uint8(128), x=0.03))


def test_one_exponent_per_channel_is_only_for_chips_that_have_it():
    w = np.exp2(RNG.integers(-9, -5, 6)).astype(np.float32)
    model = network(w=w, b=w * TWO**-5)
    assert inspect_quantized(model, find_chip("esp32p4")).is_ours
    found = inspect_quantized(model, find_chip("esp32s3"))
    assert found.can_be_requantized
    assert "one scale per channel" in str(found.refusal())
    same = np.full(6, 2**-7, np.float32)
    assert inspect_quantized(network(w=same, b=same * TWO**-5), find_chip("esp32s3")).is_ours


def test_a_bias_at_a_larger_power_of_two_is_exact():
    assert inspect_quantized(network(b=2**-10)).is_ours


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"x": 0.03, "b": 0.03 * 2**-7}, ("x", "a quantization scale is no power of two")),
        ({"x": 2**-5 * (1 + 2**-20)}, ("x", "a quantization scale is no power of two")),
        ({"zero": np.int8(3)}, ("x", "a zero point is not zero")),
        ({"zero": np.int8(-128)}, ("x", "a zero point is not zero")),
        ({"zero": np.uint8(0)}, ("x", "the type uint8 is unsigned")),
        ({"zero": np.uint8(127)}, ("x", "the type uint8 is unsigned")),
        ({"w": 0.01}, ("w", "a quantization scale is no power of two")),
        ({"b": 0.001}, ("b", "a quantization scale is no power of two")),
        ({"b": 2**-13}, ("b", "a bias has a finer scale than the product it is added to")),
        ({"y": 0.3}, ("t4", "a quantization scale is no power of two")),
    ],
)
def test_other_scales_would_cure(changes, finding):
    model = network(**changes)
    inspection = inspect_quantized(model)
    assert is_quantized(model)
    assert not inspection.is_ours
    assert inspection.can_be_requantized
    assert finding in reasons(model)
    with pytest.raises(ModelError, match=r"terms that the chips do not have.*--requantize"):
        raise inspection.refusal()
    strip_quantization(model)


def test_the_channel_that_offends_is_shown():
    w = np.float32([1, 2, 0.3, 1, 5, 1]) / 128
    found = next(f for f in inspect_quantized(network(w=w, b=w / 32)).findings if f.tensor == "w")
    assert found.scale == f"{w[2]:.9g}"


def test_finer_bias_of_one_channel():
    w = np.exp2(np.float32([-7, -6, -7, -8, -7, -7]))
    b = w / 32
    b[3] /= 2
    (found,) = inspect_quantized(network(w=w, b=b)).findings
    assert found.reason == "a bias has a finer scale than the product it is added to"
    assert found.scale == f"{b[3]:.9g}"


def test_the_refusal_names_the_first_three_and_counts_the_rest():
    model = network(x=0.03, w=0.01, b=0.0003, y=0.3)
    text = str(inspect_quantized(model).refusal())
    for part in ("tensor 'x' has int8 with scale 0.0299999993 and zero point 0", "'w'", "'b'"):
        assert part in text
    assert "and 1 more" in text
    assert "allowed: scales 2**e" in text


def int4():
    net = Qdq(21)
    x = net.pair(net.input("x", (1, 8)), 0.25, np.int8(0))
    net.constant(helper.make_tensor("w4", TensorProto.INT4, [8, 4], [1, -2] * 16), "w4")
    net.constant(helper.make_tensor("z4", TensorProto.INT4, [], [0]), "z4")
    w = net.node("DequantizeLinear", "w4", net.constant(np.float32(0.5)), "z4")
    net.pair(net.node("MatMul", x, w), 0.25, np.int8(0), output="y")
    return net.model("y")


def blocked():
    net = Qdq(21)
    x = net.pair(net.input("x", (1, 8)), 0.25, np.int8(0))
    stored = net.constant(np.ones((8, 4), np.int8), "w")
    w = net.dequantize(stored, np.ones((2, 4)), np.zeros((2, 4), np.int8), axis=0, block_size=4)
    net.pair(net.node("MatMul", x, w), 0.25, np.int8(0), output="y")
    return net.model("y")


def float8():
    net = Qdq(19)
    net.input("x", (1, 8))
    net.constant(helper.make_tensor("z8", TensorProto.FLOAT8E4M3FN, [], [0.0]), "z8")
    scale = net.constant(np.float32(0.5))
    quantized = net.node("QuantizeLinear", "x", scale, "z8")
    net.node("DequantizeLinear", quantized, scale, "z8", output="y")
    return net.model("y")


def float16():
    net = Qdq(19)
    net.input("x", (1, 8), TensorProto.FLOAT16)
    scale, zero = net.constant(np.float16(0.5)), net.constant(np.int8(0))
    quantized = net.node("QuantizeLinear", "x", scale, zero)
    net.node("DequantizeLinear", quantized, scale, zero, output="y")
    return net.model("y", y=TensorProto.FLOAT16)


def channels_of_an_activation():
    net = Qdq()
    scales = np.float32([1, 2, 4, 8])
    net.pair(net.input("x", IMAGE), scales, np.zeros(4, np.int8), output="y", axis=1)
    return net.model("y")


def computed():
    net = Qdq()
    x = net.input("x", IMAGE)
    scale = net.node("ReduceMax", x, keepdims=0)
    zero = net.constant(np.int8(0))
    quantized = net.node("QuantizeLinear", x, scale, zero)
    net.node("DequantizeLinear", quantized, scale, zero, output="y")
    return net.model("y")


def rescaled():
    net = Qdq()
    quantized = net.quantize(net.input("x", IMAGE), 0.5, np.int8(0))
    net.dequantize(quantized, 0.25, np.int8(0), output="y")
    return net.model("y")


def shifted():
    net = Qdq()
    quantized = net.quantize(net.input("x", IMAGE), 0.5, np.int8(0))
    net.dequantize(quantized, 0.5, np.int8(1), output="y")
    return net.model("y")


def accumulator():
    net = Qdq()
    net.dequantize(net.input("x", IMAGE, TensorProto.INT32), 0.5, np.int32(0), output="y")
    return net.model("y")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (int4, "the type int4 cannot be expressed"),
        (blocked, "quantized in blocks of 4"),
        (float8, "the type float8e4m3fn cannot be expressed"),
        (float16, "its scale is float16, not float32"),
        (channels_of_an_activation, "an activation has one scale per channel"),
        (computed, "its scale or zero point is computed at run time"),
        (rescaled, "quantized and dequantized with different parameters"),
        (shifted, "quantized and dequantized with different parameters"),
        (accumulator, "the type int32 cannot be expressed"),
    ],
)
def test_no_scale_would_cure(make, reason):
    model = make()
    onnx.checker.check_model(model)
    inspection = inspect_quantized(model)
    assert not inspection.can_be_requantized
    assert reason in str(inspection)
    assert "--requantize" not in str(inspection.refusal())
    assert "quantize the float model" in str(inspection.refusal())
    with pytest.raises(ModelError, match=reason):
        strip_quantization(model)


def test_a_scale_that_is_no_positive_number_is_refused_at_the_door():
    net = Qdq()
    net.pair(net.input("x", IMAGE), 0.0, np.int8(0), output="y")
    with pytest.raises(ModelError, match="a scale is no positive number"):
        inspect_quantized(net.model("y"))


def test_incurable_findings_come_first():
    net = Qdq()
    x = net.pair(net.input("x", IMAGE), 0.3, np.int8(0))
    net.pair(x, np.float32([1, 2, 4, 8]), np.zeros(4, np.int8), output="y", axis=1)
    inspection = inspect_quantized(net.model("y"))
    assert [finding.is_curable for finding in inspection.findings] == [True, False]
    assert str(inspection.refusal()).startswith("tensor 't1'")


def test_float_models_are_not_quantized():
    made = helper.make_node("Conv", ["x", "w"], ["y"], "conv")
    model = float_model([made], IMAGE, {"w": np.zeros((6, 4, 3, 3), np.float32)})
    inspection = inspect_quantized(model)
    assert not is_quantized(model)
    assert not inspection.is_ours
    assert not inspection.can_be_requantized
    assert str(inspection) == "not quantized"
    with pytest.raises(ModelError, match="not quantized"):
        strip_quantization(model)


def test_scales_in_constant_nodes_and_behind_identity():
    net = Qdq()
    net.input("x", IMAGE)
    value = numpy_helper.from_array(np.float32(0.25))
    scale = net.node("Constant", value=value)
    same = net.node("Identity", net.node("Identity", scale))
    zero = net.node("Constant", value=numpy_helper.from_array(np.int8(0)))
    quantized = net.node("QuantizeLinear", "x", scale, zero)
    net.node("DequantizeLinear", quantized, same, zero, output="y")
    assert inspect_quantized(net.model("y")).is_ours


def test_stored_weights_that_are_turned_first():
    """Converters from channels-last formats leave a Transpose or Reshape of the integers."""
    net = Qdq()
    stored = net.constant(np.ascontiguousarray(WEIGHTS.transpose(2, 3, 1, 0)).reshape(-1), "w")
    shape = net.constant(np.array([3, 3, 4, 6], np.int64))
    turned = net.node("Transpose", net.node("Reshape", stored, shape), perm=[3, 2, 0, 1])
    x = net.pair(net.input("x", IMAGE), 2**-5, np.int8(0))
    w = net.dequantize(turned, 2**-7, np.int8(0))
    net.pair(net.node("Conv", x, w), 2**-3, np.int8(0), output="y")
    model = net.model("y")
    inspection = inspect_quantized(model)
    assert inspection.is_ours, str(inspection)
    assert operators(inspection.model).count("Transpose") == 0
    feed = {"x": RNG.normal(size=IMAGE).astype(np.float32)}
    np.testing.assert_array_equal(run(inspection.model, feed)["y"], run(model, feed)["y"])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16])
def test_integers_that_are_moved_between_the_pair(dtype):
    """The pair around the Transpose has the type that its integers have, zero point or not."""
    net = Qdq(21)
    scale = net.constant(np.float32(0.25))
    stated = {"output_dtype": helper.np_dtype_to_tensor_dtype(np.dtype(dtype))}
    quantized = net.node("QuantizeLinear", net.input("x", IMAGE), scale, axis=1, **stated)
    moved = net.node("Transpose", quantized, perm=[0, 1, 3, 2])
    net.node("DequantizeLinear", moved, scale, output="y")
    model = net.model("y")
    inspection = inspect_quantized(model)
    assert inspection.can_be_requantized, str(inspection)
    assert inspection.is_ours == (np.dtype(dtype).kind == "i")
    feed = {"x": 50 * RNG.normal(size=IMAGE).astype(np.float32)}
    np.testing.assert_array_equal(run(inspection.model, feed)["y"], run(model, feed)["y"])


def test_types_without_a_zero_point():
    """QuantizeLinear gives uint8 then, or what its attribute says."""
    for attributes, ours in (({}, False), ({"output_dtype": TensorProto.INT8}, True)):
        net = Qdq(21)
        net.input("x", IMAGE)
        scale = net.constant(np.float32(0.25))
        quantized = net.node("QuantizeLinear", "x", scale, **attributes)
        net.node("DequantizeLinear", quantized, scale, output="y")
        assert inspect_quantized(net.model("y")).is_ours == ours


def test_negative_axes():
    net = Qdq()
    stored = net.constant(np.ones((8, 4), np.int8), "w")
    scales = np.float32([1, 2, 3, 4])
    w = net.dequantize(stored, scales, np.zeros(4, np.int8), axis=-1)
    x = net.pair(net.input("x", (1, 8)), 0.25, np.int8(0))
    net.pair(net.node("MatMul", x, w), 0.25, np.int8(0), output="y")
    stripped = strip_quantization(net.model("y")).model
    (weights,) = [t for t in stripped.graph.initializer if list(t.dims) == [8, 4]]
    np.testing.assert_array_equal(numpy_helper.to_array(weights), np.broadcast_to(scales, (8, 4)))


@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
def test_models_of_onnxruntime_are_offered_requantization(form, tmp_path):
    made = helper.make_node("Conv", ["x", "w"], ["y"], "conv")
    weights = RNG.normal(size=(6, 4, 3, 3)).astype(np.float32)
    model = by_onnxruntime(
        float_model([made], list(IMAGE), {"w": weights}),
        RNG.normal(size=(4, *IMAGE[1:])).astype(np.float32),
        tmp_path,
        form,
        activation_type=quantization.QuantType.QUInt8,
    )
    inspection = inspect_quantized(model)
    assert inspection.can_be_requantized
    assert {finding.tensor for finding in inspection.findings} >= {"x", "w_quantized"}
