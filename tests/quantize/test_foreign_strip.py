"""The float model inside a quantized one: its weights, the ranges of its tensors, its names."""

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

from tvm_espdl.errors import ModelError
from tvm_espdl.quantize.foreign import strip_quantization

SEED = 73
RNG = np.random.default_rng(SEED)
IMAGE = (1, 4, 6, 6)
U8, S8, S16 = (quantization.QuantType[n] for n in ("QUInt8", "QInt8", "QInt16"))


def floats(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def constants_of(model):
    return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}


def network(opset=17):
    """Two branches, each activation function once, a Relu6 and a Relu after an Add."""
    make = helper.make_node
    nodes = [
        make("Conv", ["x", "w", "b"], ["conv"], "conv", pads=[1] * 4),
        make("Clip", ["conv", "zero", "six"], ["six_out"], "relu6"),
        make("MaxPool", ["six_out"], ["pool"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        make("Conv", ["pool", "v"], ["conv2"], "conv2", pads=[1] * 4),
        make("Add", ["conv2", "pool"], ["sum"], "sum"),
        make("Relu", ["sum"], ["relu"], "relu"),
        make("Sigmoid", ["relu"], ["sigmoid"], "sigmoid"),
        make("Concat", ["sigmoid", "relu"], ["both"], "concat", axis=1),
        make("Flatten", ["both"], ["flat"], "flatten"),
        make("Gemm", ["flat", "m", "c"], ["y"], "gemm"),
    ]
    constants = {
        "w": 2 * floats(8, 4, 3, 3),
        "b": floats(8),
        "v": 0.2 * floats(8, 8, 3, 3),
        "m": 0.2 * floats(144, 5),
        "c": floats(5),
        "zero": np.float32(0),
        "six": np.float32(6),
    }
    return float_model(nodes, ["N", *IMAGE[1:]], constants, opset=opset)


def by_others(folder, form="QDQ", activation=U8, weight=S8, **options):
    return by_onnxruntime(
        *(network(), floats(16, *IMAGE[1:]), folder, form),
        activation_type=activation,
        weight_type=weight,
        **options,
    )


FORMS = {
    "qdq-u8": {},
    "qdq-u8u8": {"weight": U8},
    "qdq-s8": {"activation": S8},
    "qdq-symmetric": {"activation": S8, "extra_options": {"ActivationSymmetric": True}},
    "qdq-channels": {"per_channel": True},
    "qdq-s16": {"activation": S16},
    "qoperator-u8": {"form": "QOperator"},
    "qoperator-channels": {"form": "QOperator", "per_channel": True},
}


@pytest.mark.parametrize("form", FORMS)
def test_what_is_left_is_the_float_model(form, tmp_path):
    """It agrees with the float model, but for the rounding of weights and what saturates."""
    model = by_others(tmp_path, **FORMS[form])
    before = model.SerializeToString()
    stripped = strip_quantization(model)
    assert model.SerializeToString() == before
    again = strip_quantization(model)
    assert stripped.model.SerializeToString() == again.model.SerializeToString()
    assert stripped.ranges == again.ranges
    onnx.checker.check_model(stripped.model, full_check=True)
    assert [entry.domain for entry in stripped.model.opset_import] == [""]
    kinds = operators(stripped.model)
    relu6 = 1 if "Clip" in kinds else kinds.count("Relu") - 1
    assert relu6 == 1, kinds
    assert sorted({*kinds} - {"Clip", "Relu"}) == sorted({*operators(network())} - {"Clip", "Relu"})
    signal = noise = 0.0
    for _ in range(8):
        feed = {"x": floats(*IMAGE)}
        wanted = run(network_with(stripped, feed), feed)["y"]
        signal += float((wanted**2).sum())
        noise += float(((wanted - run(model, feed)["y"]) ** 2).sum())
    snr = 10 * np.log10(signal / noise)
    assert snr > 18, f"{snr:.1f} dB, seed {SEED}"


def network_with(stripped, feed):
    """The stripped model cut off at its ranges: what the quantized one computes, unrounded."""
    model = onnx.ModelProto()
    model.CopyFrom(stripped.model)
    nodes = []
    for node in model.graph.node:
        nodes.append(node)
        for place, name in enumerate(node.output):
            if name not in stripped.ranges or name in ("y", *feed):
                continue
            for limit, value in zip("lh", stripped.ranges[name], strict=True):
                array = np.array(value, np.float32)
                model.graph.initializer.append(numpy_helper.from_array(array, f"{name}_{limit}"))
            node.output[place] = f"{name}_open"
            inputs = [f"{name}_open", f"{name}_l", f"{name}_h"]
            nodes.append(helper.make_node("Clip", inputs, [name], f"{name}_clip"))
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(copies)
    return model


@pytest.mark.parametrize("form", FORMS)
def test_every_range_is_what_the_integers_express(form, tmp_path):
    model = by_others(tmp_path, **FORMS[form])
    stripped = strip_quantization(model)
    stored = constants_of(model)
    spans = set()
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear":
            scale, zero = stored[node.input[1]], stored[node.input[2]]
            info = np.iinfo(zero.dtype)
            spans.add(
                tuple(float((int(n) - int(zero)) * float(scale)) for n in (info.min, info.max))
            )
    made = {name for node in stripped.model.graph.node for name in node.output} | {"x"}
    assert set(stripped.ranges) <= made
    assert set(stripped.ranges) == set(stripped.bits)
    assert set(stripped.bits.values()) == {16 if "s16" in form else 8}
    assert {"x", "y"} <= set(stripped.ranges)
    if "qdq" in form:
        assert set(stripped.ranges.values()) <= spans
    low, high = stripped.ranges["y"]
    extremes = [run(model, {"x": 30 * floats(*IMAGE)})["y"] for _ in range(50)]
    assert low <= min(map(np.min, extremes))
    assert high >= max(map(np.max, extremes))


@pytest.mark.parametrize("form", ["qdq-channels", "qdq-u8u8", "qoperator-channels"])
def test_weights_are_what_their_integers_stand_for(form, tmp_path):
    """onnxruntime's DequantizeLinear is the other opinion."""
    model = by_others(tmp_path, **FORMS[form])
    stored = constants_of(model)
    found = [v for v in constants_of(strip_quantization(model).model).values() if v.ndim == 4]
    for name, place in (("w", 0), ("v", 0)):
        axis = {"axis": place} if stored[f"{name}_scale"].ndim else {}
        inputs = [f"{name}_{part}" for part in ("quantized", "scale", "zero_point")]
        made = helper.make_node("DequantizeLinear", inputs, ["out"], "dq", **axis)
        keep = {n: stored[n] for n in inputs}
        nodes = [made, helper.make_node("Add", ["out", "x"], ["y"], "add")]
        wanted = run(float_model(nodes, [1], keep), {"x": np.zeros(1, np.float32)})["y"]
        assert any(v.shape == wanted.shape and (v == wanted).all() for v in found), name


def test_weights_that_are_quantized_at_run_time():
    net = Qdq()
    x = net.pair(net.input("x", IMAGE), 0.1, np.int8(3))
    weights = floats(6, 4, 3, 3)
    weights[0, 0, 0, 0] = 99  # saturates
    scales, zeros = np.linspace(0.01, 0.03, 6), np.int8([0, 1, -5, 0, 0, 9])
    w = net.pair(net.constant(weights, "w"), scales, zeros, axis=0)
    net.pair(net.node("Conv", x, w), 0.2, np.int8(0), output="y")
    model = net.model("y")
    stripped = strip_quantization(model)
    assert operators(stripped.model) == ["Conv"]
    (found,) = [v for v in constants_of(stripped.model).values() if v.ndim == 4]
    np.testing.assert_array_equal(found, run(model, {"x": floats(*IMAGE)}, [w])[w])


def relu_like(low_zero, high, follower=None):
    """A Conv whose Q ends at 0 below: the Relu that was dropped."""
    net = Qdq()
    x = net.pair(net.input("x", IMAGE), 0.03, np.int8(0))
    w = net.dequantize(net.constant(WEIGHTS, "w"), 0.01, np.int8(0))
    y = net.node("Conv", x, w, output="conv")
    if follower:
        y = net.node(follower, y, output="act")
    net.pair(y, high / 255, low_zero, output="y")
    return net.model("y")


WEIGHTS = RNG.integers(-127, 128, (6, 4, 3, 3)).astype(np.int8)


@pytest.mark.parametrize("zero", [np.uint8(0), np.int8(-128)])
@pytest.mark.parametrize(("high", "wanted"), [(7.3, "Relu"), (6.0, "Clip"), (5.99, "Clip")])
def test_saturation_at_zero_is_written_out(zero, high, wanted):
    model = relu_like(zero, high)
    stripped = strip_quantization(model)
    assert operators(stripped.model) == ["Conv", wanted]
    assert stripped.ranges["y"] == pytest.approx((0.0, high))
    feed = {"x": floats(*IMAGE)}
    before, after = run(model, feed)["y"], run(stripped.model, feed)["y"]
    assert (before == 0).any()
    # The input is rounded in one and not in the other.
    np.testing.assert_allclose(before, np.minimum(after, high), atol=0.5)
    assert after.min() == 0.0


@pytest.mark.parametrize("follower", ["Relu", "Sigmoid", "Softplus", "Abs"])
def test_nothing_is_added_where_nothing_is_negative(follower):
    stripped = strip_quantization(relu_like(np.uint8(0), 7.3, follower))
    assert operators(stripped.model) == ["Conv", follower]


@pytest.mark.parametrize("zero", [np.uint8(1), np.uint8(128), np.int8(-127), np.int8(0)])
def test_other_ranges_end_where_calibration_did(zero):
    assert operators(strip_quantization(relu_like(zero, 7.3)).model) == ["Conv"]


def test_tensors_that_stay_positive_need_nothing():
    """Pools, pads, sums and the like of positive numbers are positive."""
    net = Qdq(18)
    x = net.input("x", IMAGE)
    y = net.node("Relu", net.pair(x, 0.05, np.uint8(128)))
    pads = net.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64))
    scales = net.constant(np.float32([1, 1, 2, 2]))
    for operator, inputs, attributes in (
        ("MaxPool", (), {"kernel_shape": [2, 2]}),
        ("Pad", (pads,), {}),
        ("LeakyRelu", (), {"alpha": 0.1}),
        ("Resize", ("", scales), {"mode": "linear"}),
        ("AveragePool", (), {"kernel_shape": [2, 2]}),
        ("Identity", (), {}),
    ):
        y = net.pair(net.node(operator, y, *inputs, **attributes), 0.05, np.uint8(0))
    y = net.pair(net.node("Add", y, y), 0.05, np.uint8(0))
    half = net.constant(np.full((1, 4, 1, 1), 0.5, np.float32))
    net.pair(net.node("Mul", y, half), 0.05, np.uint8(0), output="y")
    assert "Relu" not in operators(strip_quantization(net.model("y")).model)[1:]


@pytest.mark.parametrize(
    ("operator", "inputs", "attributes"),
    [
        ("Pad", (-1.0,), {}),
        ("Resize", (), {"mode": "cubic"}),
        ("Mul", (-0.5,), {}),
        ("Sub", (3.0,), {}),
        ("Clip", (-1.0,), {}),
    ],
)
def test_tensors_that_may_become_negative_get_their_relu(operator, inputs, attributes):
    net = Qdq(18)
    y = net.pair(net.node("Relu", net.input("x", IMAGE)), 0.05, np.uint8(0))
    first = {
        "Pad": [net.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64))],
        "Resize": ["", net.constant(np.float32([1, 1, 2, 2]))],
    }.get(operator, [])
    values = [net.constant(np.float32(value)) for value in inputs]
    y = net.node(operator, y, *first, *values, **attributes)
    net.pair(y, 0.05, np.uint8(0), output="y")
    wanted = ["Relu", operator, "Relu"]
    assert operators(strip_quantization(net.model("y")).model) == wanted


def test_a_positive_input_is_taken_at_its_word():
    net = Qdq()
    x = net.pair(net.input("x", IMAGE), 1 / 255, np.uint8(0))
    turned = net.node("Transpose", x, perm=[0, 2, 3, 1])
    net.pair(turned, 1 / 255, np.uint8(0), output="y")
    stripped = strip_quantization(net.model("y"))
    assert operators(stripped.model) == ["Transpose"]
    assert stripped.ranges == dict.fromkeys("xy", (0.0, pytest.approx(1.0)))


def test_requantized_tensors_keep_the_first_range():
    net = Qdq()
    first = net.pair(net.node("Relu", net.input("x", IMAGE), output="r"), 0.1, np.int8(-128))
    second = net.pair(first, 0.02, np.int8(-128))
    net.node("Add", first, second, output="y")
    stripped = strip_quantization(net.model("y"))
    assert operators(stripped.model) == ["Relu", "Add"]
    assert stripped.ranges == {"r": pytest.approx((0.0, 25.5))}


def test_a_tensor_quantized_in_two_ways_gets_both_ranges():
    net = Qdq()
    relu = net.node("Relu", net.input("x", IMAGE), output="r")
    first, second = net.pair(relu, 0.1, np.int8(0)), net.pair(relu, 0.2, np.uint8(0))
    net.node("Add", first, second, output="y")
    stripped = strip_quantization(net.model("y"))
    assert stripped.ranges == {"r": pytest.approx((-12.8, 51.0))}


def test_one_width_per_tensor_is_the_larger_one():
    net = Qdq(21)
    relu = net.node("Relu", net.input("x", IMAGE), output="r")
    first, second = net.pair(relu, 0.1, np.int8(0)), net.pair(relu, 0.001, np.int16(0))
    net.node("Add", first, second, output="y")
    assert strip_quantization(net.model("y")).bits == {"r": 16}


def test_names_of_outputs_stay():
    """A pair at the end, one in the middle that is an output too, the same tensor twice."""
    net = Qdq()
    a = net.node("Relu", net.input("x", IMAGE), output="a")
    q = net.quantize(a, 0.1, np.uint8(0))
    for name in ("y1", "y2"):
        net.dequantize(q, 0.1, np.uint8(0), output=name)
    net.pair(net.node("Neg", "y1"), 0.1, np.int8(5), output="y3")
    model = net.model("a", "y1", "y2", "y3")
    stripped = strip_quantization(model)
    onnx.checker.check_model(stripped.model, full_check=True)
    assert [v.name for v in stripped.model.graph.output] == ["a", "y1", "y2", "y3"]
    feed = {"x": floats(*IMAGE)}
    before, after = run(model, feed), run(stripped.model, feed)
    for name in before:
        np.testing.assert_allclose(before[name], after[name], atol=0.101)


def test_an_input_that_is_only_rounded():
    net = Qdq()
    net.pair(net.input("x", IMAGE), 0.1, np.int8(0), output="y")
    stripped = strip_quantization(net.model("y"))
    assert operators(stripped.model) == ["Identity"]
    assert stripped.ranges == {"x": pytest.approx((-12.8, 12.7))}


@pytest.mark.parametrize("domain", ["", MICROSOFT])
def test_integer_inputs_and_outputs_become_float(domain):
    net = Qdq(17, domain)
    net.input("x", IMAGE, TensorProto.UINT8)
    x = net.dequantize("x", 0.02, np.uint8(100))
    inputs = [net.node("Neg", x), net.constant(np.float32(0.03)), net.constant(np.int8(-9))]
    net.node("QuantizeLinear", *inputs, output="y", domain=domain)
    model = net.model("y", shape=IMAGE, y=TensorProto.INT8)
    stripped = strip_quantization(model)
    onnx.checker.check_model(stripped.model, full_check=True)
    types = [
        v.type.tensor_type.elem_type
        for v in (*stripped.model.graph.input, *stripped.model.graph.output)
    ]
    assert types == [TensorProto.FLOAT] * 2
    integers = RNG.integers(0, 256, IMAGE).astype(np.uint8)
    real = stripped.inputs["x"].dequantize(integers)
    np.testing.assert_allclose(real, (integers.astype(int) - 100) * 0.02, rtol=1e-6)
    result = run(stripped.model, {"x": real})["y"]
    found = stripped.outputs["y"].quantize(result)
    np.testing.assert_array_equal(found, run(model, {"x": integers})["y"])
    assert stripped.ranges["x"] == pytest.approx((-2.0, 3.1))
    assert stripped.ranges["y"] == pytest.approx((-119 * 0.03, 136 * 0.03))


def test_two_meanings_of_an_integer_input_are_refused():
    net = Qdq()
    net.input("x", IMAGE, TensorProto.UINT8)
    first, second = (net.dequantize("x", scale, np.uint8(0)) for scale in (0.1, 0.2))
    net.node("Add", first, second, output="y")
    with pytest.raises(ModelError, match=r"input 'x'.*dequantized in several ways"):
        strip_quantization(net.model("y"))


def test_integer_inputs_read_by_others_are_refused():
    net = Qdq()
    net.input("x", IMAGE, TensorProto.UINT8)
    first = net.dequantize("x", 0.1, np.uint8(0))
    net.node("Add", first, net.node("Cast", "x", to=TensorProto.FLOAT), output="y")
    with pytest.raises(ModelError, match=r"otherwise than through DequantizeLinear.*Cast of 'x'"):
        strip_quantization(net.model("y"))


def test_branches_that_look_into_quantized_tensors_are_refused():
    net = Qdq()
    x = net.pair(net.input("x", IMAGE), 0.1, np.int8(0))
    net.input("c", [], TensorProto.BOOL)
    branches = {}
    for name, operator in (("then_branch", "Relu"), ("else_branch", "Neg")):
        out = helper.make_tensor_value_info(name, TensorProto.FLOAT, IMAGE)
        made = [helper.make_node(operator, [x], [name], operator)]
        branches[name] = helper.make_graph(made, name, [], [out])
    net.node("If", "c", output="y", **branches)
    with pytest.raises(ModelError, match=r"otherwise than through DequantizeLinear.*If"):
        strip_quantization(net.model("y"))


def test_damaged_files(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(ModelError, match="cannot be read"):
        strip_quantization(path)
    with pytest.raises(ModelError, match="no such model file"):
        strip_quantization(tmp_path / "nothing.onnx")
