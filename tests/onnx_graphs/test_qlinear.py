"""Operators on integers become QDQ: the same integers, within onnxruntime's own rounding.

onnxruntime scales the sum of a QLinearConv in float32 before it rounds; the QDQ form adds up
rounded products in float32. Where the exact result lies next to a tie, the two may differ by one
step, and must not otherwise. Only Resize differs more often: on uint8 onnxruntime cuts its result
off instead of rounding it. Weights have 7 bits in the uint8-by-int8 cases, since on CPUs without
VNNI onnxruntime saturates pairs of 8-bit products at 16 bits.
"""

import numpy as np
import onnx
import pytest
from foreign_networks import (
    MICROSOFT,
    by_onnxruntime,
    float_model,
    model_of,
    operators,
    quantization,
    run,
)
from onnx import TensorProto, helper

from tvm_espdl.errors import ModelError
from tvm_espdl.onnx_graphs.qlinear.rewrite import needs_rewriting, rewrite_qlinear

SEED = 71
RNG = np.random.default_rng(SEED)
IMAGE, ROW = (1, 4, 8, 6), (1, 24)
U8, S8 = quantization.QuantType.QUInt8, quantization.QuantType.QInt8
TYPES = {"u8u8": (U8, U8, {}), "s8s8": (S8, S8, {}), "u8s8": (U8, S8, {"reduce_range": True})}


def floats(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def node(operator, inputs, **attributes):
    return helper.make_node(operator, inputs, ["y"], "node", **attributes)


PADS = {"pads": np.array([0, 0, 1, 2, 0, 0, 0, 1], np.int64)}
# Each operator behind a Clip far outside the data, which makes onnxruntime quantize the input.
NETWORKS = {
    "QLinearConv": (node("Conv", ["x", "w", "b"], pads=[1] * 4), IMAGE, {
        "w": floats(6, 4, 3, 3), "b": floats(6)}),
    "QLinearConv-grouped": (node("Conv", ["x", "w"], group=2, strides=[2, 1]), IMAGE, {
        "w": floats(8, 2, 3, 3)}),
    "QLinearMatMul": (node("MatMul", ["x", "w"]), ROW, {"w": floats(24, 7)}),
    "QGemm": (node("Gemm", ["x", "w", "b"]), ROW, {"w": floats(24, 7), "b": floats(7)}),
    "QGemm-transposed": (node("Gemm", ["x", "w", "b"], transB=1, alpha=0.5), ROW, {
        "w": floats(7, 24), "b": floats(7)}),
    "QLinearAdd": (node("Add", ["x", "w"]), IMAGE, {"w": floats(*IMAGE)}),
    "QLinearMul": (node("Mul", ["x", "w"]), IMAGE, {"w": floats(*IMAGE)}),
    "QLinearSigmoid": (node("Sigmoid", ["x"]), IMAGE, {}),
    "QLinearLeakyRelu": (node("LeakyRelu", ["x"], alpha=0.2), IMAGE, {}),
    "QLinearSoftmax": (node("Softmax", ["x"]), ROW, {}),
    "QLinearSoftmax-axis": (node("Softmax", ["x"], axis=1), IMAGE, {}),
    "QLinearAveragePool": (
        node("AveragePool", ["x"], kernel_shape=[3, 2], pads=[1, 0, 1, 1]), IMAGE, {}),
    "QLinearAveragePool-padded": (node("AveragePool", ["x"], kernel_shape=[2, 2], pads=[1] * 4,
        count_include_pad=1, strides=[2, 2]), IMAGE, {}),
    "QLinearConcat": (node("Concat", ["x", "w"], axis=1), IMAGE, {"w": 3 * floats(*IMAGE)}),
    "QLinearWhere": (node("Where", ["c", "x", "w"]), IMAGE, {
        "c": RNG.random(IMAGE) < 0.5, "w": 2 * floats(*IMAGE)}),
}  # fmt: skip


def quantized(name, types, folder, per_channel=False, opset=17):
    made, shape, constants = NETWORKS[name]
    activation, weight, extra = TYPES[types]
    return by_onnxruntime(
        float_model([made], ["N", *shape[1:]], constants, opset=opset),
        floats(8, *shape[1:]),
        folder,
        "QOperator",
        activation_type=activation,
        weight_type=weight,
        per_channel=per_channel,
        extra_options={"ForceQuantizeNoInputCheck": True},
        **extra,
    )


def integers_of(model):
    return [node.output[0] for node in model.graph.node if node.op_type != "DequantizeLinear"]


def assert_close(model, rewritten, shape, share=0.01, samples=8):
    """Every integer tensor the same, but for one step at ties."""
    names, differing, total = integers_of(model), 0, 0
    for _ in range(samples):
        feed = {"x": 1.2 * floats(*shape)}
        before, after = run(model, feed, names), run(rewritten, feed, names)
        for name in names:
            assert before[name].dtype == after[name].dtype
            steps = np.abs(before[name].astype(int) - after[name].astype(int))
            assert steps.max() <= 1, f"{name}, seed {SEED}: {steps.max()} steps"
            differing, total = differing + int((steps > 0).sum()), total + steps.size
    assert differing <= share * total, f"{differing} of {total} differ, seed {SEED}"


@pytest.mark.parametrize("types", TYPES)
@pytest.mark.parametrize("name", NETWORKS)
def test_each_operator(name, types, tmp_path):
    model = quantized(name, types, tmp_path)
    before = model.SerializeToString()
    operator = name.split("-")[0]
    assert operator in operators(model), operators(model)
    assert needs_rewriting(model)
    rewritten = rewrite_qlinear(model)
    assert model.SerializeToString() == before
    onnx.checker.check_model(rewritten, full_check=True)
    assert set(operators(rewritten)) == {
        "QuantizeLinear", "DequantizeLinear", NETWORKS[name][0].op_type}  # fmt: skip
    assert [entry.domain for entry in rewritten.opset_import] == [""]
    assert not needs_rewriting(rewritten)
    assert rewritten.SerializeToString() == rewrite_qlinear(model).SerializeToString()
    assert_close(model, rewritten, NETWORKS[name][1])


@pytest.mark.parametrize("types", ["s8s8", "u8s8"])
@pytest.mark.parametrize(
    ("name", "axis"),
    [("QLinearConv", 0), ("QLinearMatMul", 1), ("QGemm", 1), ("QGemm-transposed", 0)],
)
def test_weights_per_channel(name, axis, types, tmp_path):
    model = quantized(name, types, tmp_path, per_channel=True)
    rewritten = rewrite_qlinear(model)
    onnx.checker.check_model(rewritten, full_check=True)
    axes = {
        node.input[0]: [entry.i for entry in node.attribute if entry.name == "axis"]
        for node in rewritten.graph.node
        if node.op_type == "DequantizeLinear"
    }
    assert axes["w_quantized"] == [axis]
    assert axes.get("b_quantized", [0]) == [0]
    assert_close(model, rewritten, NETWORKS[name][1])


def chain(opset):
    make = helper.make_node
    axes = ["axes"] if opset >= 13 else []
    attributes = {} if axes else {"axes": [2, 3]}
    nodes = [
        make("Conv", ["x", "w"], ["conv"], "conv"),
        make("MaxPool", ["conv"], ["pool"], "pool", kernel_shape=[2, 2]),
        make("Pad", ["pool", "pads"], ["pad"], "pad"),
        make("Transpose", ["pad"], ["transposed"], "transpose", perm=[0, 1, 3, 2]),
        make("Split", ["transposed"], ["one", "two"], "split", axis=1),
        make("Concat", ["two", "one"], ["both"], "concat", axis=1),
        make("GlobalAveragePool", ["both"], ["mean"], "mean"),
        make("Squeeze", ["mean", *axes], ["y"], "squeeze", **attributes),
    ]
    constants = {"w": floats(6, 4, 3, 3), **PADS, "axes": np.array([2, 3], np.int64)}
    return nodes, constants if axes else {n: v for n, v in constants.items() if n != "axes"}


@pytest.mark.parametrize("opset", [11, 12, 13, 17])
@pytest.mark.parametrize("types", TYPES)
def test_operators_that_hand_integers_on(types, opset, tmp_path):
    nodes, constants = chain(opset)
    activation, weight, extra = TYPES[types]
    model = by_onnxruntime(
        float_model(nodes, ["N", *IMAGE[1:]], constants, opset=opset),
        floats(8, *IMAGE[1:]),
        tmp_path,
        "QOperator",
        activation_type=activation,
        weight_type=weight,
        **extra,
    )
    assert {"MaxPool", "Pad", "Split", "QLinearGlobalAveragePool"} <= set(operators(model))
    rewritten = rewrite_qlinear(model)
    onnx.checker.check_model(rewritten, full_check=True)
    makers = {name: n.op_type for n in rewritten.graph.node for name in n.output}
    integers = [name for name in makers if name.endswith("quantized") and "dequ" not in name]
    assert {makers[name] for name in integers} == {"QuantizeLinear"}
    assert_close(model, rewritten, IMAGE)


def by_hand(nodes, constants, outputs=None, shape=IMAGE, opset=17):
    """Nodes that read the integers q of x, scale s = 0.02 and zero point z = 7, and give y_q."""
    first = helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"], "first")
    return model_of(
        [first, *nodes],
        {"x": (TensorProto.FLOAT, shape)},
        outputs or {"y_q": (TensorProto.INT8, [None] * 4)},
        {"s": np.float32(0.02), "z": np.int8(7), **constants},
        opset,
    )


@pytest.mark.parametrize("opset", [11, 17, 18, 20])
@pytest.mark.parametrize("keepdims", [0, 1])
def test_reduce_mean(opset, keepdims):
    inputs = ["q", "s", "z", "ys", "yz"]
    attributes = {"axes": [2, 3], "keepdims": keepdims, "domain": MICROSOFT}
    made = helper.make_node("QLinearReduceMean", inputs, ["y_q"], "mean", **attributes)
    outputs = {"ys": np.float32(0.005), "yz": np.int8(-3)}
    shape = [1, 4, 1, 1] if keepdims else [1, 4]
    types = {"y_q": (TensorProto.INT8, shape)}
    rewritten = rewrite_qlinear(by_hand([made], outputs, types, opset=opset))
    onnx.checker.check_model(rewritten, full_check=True)
    # onnxruntime has no kernel of it for CPUs: its definition stands in. Means are sums of 12ths of
    # a step: where one is a tie, float32 and float64 may part, and another image is drawn.
    rng = np.random.default_rng((SEED, opset, keepdims))
    steps = np.array([0.5])
    while np.abs(steps % 1 - 0.5).min() < 0.01:
        x = rng.normal(size=IMAGE).astype(np.float32)
        q = np.clip(np.rint(x / np.float32(0.02)) + 7, -128, 127)
        steps = ((q - 7) * 0.02).mean(axis=(2, 3), keepdims=bool(keepdims)) / 0.005
    wanted = np.clip(np.rint(steps) - 3, -128, 127)
    np.testing.assert_array_equal(run(rewritten, {"x": x})["y_q"], wanted)


def test_gemm_without_an_output_scale_gives_float():
    inputs = ["q", "s", "z", "w", "ws", "wz", "b"]
    made = helper.make_node("QGemm", inputs, ["y"], "gemm", domain=MICROSOFT, alpha=0.5)
    constants = {
        "w": RNG.integers(-128, 128, (24, 5)).astype(np.int8),
        "ws": np.float32(0.01),
        "wz": np.int8(3),
        "b": RNG.integers(-999, 999, 5).astype(np.int32),
    }
    model = by_hand([made], constants, {"y": (TensorProto.FLOAT, [1, 5])}, ROW)
    rewritten = rewrite_qlinear(model)
    assert "QuantizeLinear" not in operators(rewritten)[1:]
    feed = {"x": floats(*ROW)}
    np.testing.assert_allclose(run(model, feed)["y"], run(rewritten, feed)["y"], atol=1e-5)


def test_zero_points_that_are_left_out():
    """They are 0, and the result has the type of the operands."""
    inputs = ["q", "s", "", "w", "s", "", "ys"]
    made = helper.make_node("QLinearAdd", inputs, ["y_q"], "add", domain=MICROSOFT)
    first = helper.make_node("QuantizeLinear", ["x", "s"], ["q"], "first")
    w = RNG.integers(0, 256, IMAGE).astype(np.uint8)
    model = model_of(
        [first, made],
        {"x": (TensorProto.FLOAT, IMAGE)},
        {"y_q": (TensorProto.UINT8, IMAGE)},
        {"s": np.float32(2**-5), "ys": np.float32(2**-4), "w": w},
    )
    rewritten = rewrite_qlinear(model)
    onnx.checker.check_model(rewritten, full_check=True)
    # onnxruntime does not run it without zero points; with powers of two the definition is exact.
    feed = {"x": floats(*IMAGE)}
    result = run(rewritten, feed, ["q", "y_q"])
    wanted = np.clip(np.rint((result["q"].astype(int) + w) / 2), 0, 255)
    np.testing.assert_array_equal(result["y_q"], wanted)


def test_scales_of_one_element_are_per_tensor():
    """Some exporters write vectors of one element."""
    inputs = ["q", "s", "z", "w", "ws", "wz", "ys", "yz"]
    constants = {
        "s": np.float32(0.02),
        "w": RNG.integers(-128, 128, (6, 4, 3, 3)).astype(np.int8),
        "ws": np.float32([0.01]),
        "wz": np.int8([0]),
        "ys": np.float32([0.05]),
        "yz": np.int8([2]),
    }
    made = helper.make_node("QLinearConv", inputs, ["y_q"], "conv")
    model = by_hand([made], constants)
    rewritten = rewrite_qlinear(model)
    onnx.checker.check_model(rewritten, full_check=True)
    assert_close(model, rewritten, IMAGE)


def test_one_zero_point_for_all_channels():
    inputs = ["q", "s", "z", "w", "six", "wz", "ys", "yz"]
    made = helper.make_node("QLinearConv", inputs, ["y_q"], "conv")
    constants = {**CONV, "w": RNG.integers(-128, 128, (6, 4, 3, 3)).astype(np.int8)}
    rewritten = rewrite_qlinear(by_hand([made], constants))
    onnx.checker.check_model(rewritten, full_check=True)
    feed = {"x": floats(*IMAGE)}
    result = run(rewritten, feed, ["q", "y_q"])
    # Whole scales and a step of 1 / 50: the definition is exact in float64, ties are left out.
    windows = np.lib.stride_tricks.sliding_window_view(result["q"].astype(int) - 7, (3, 3), (2, 3))
    sums = np.einsum("ncijkl,ockl->noij", windows, constants["w"].astype(int))
    wanted = sums * np.float64(np.float32(0.02)) * CONV["six"][:, None, None]
    inside = np.abs(wanted - np.floor(wanted) - 0.5) > 1e-3
    wanted = np.clip(np.rint(wanted), -128, 127)
    np.testing.assert_array_equal(result["y_q"][inside], wanted[inside])


@pytest.mark.parametrize("opset", [11, 17])
def test_padding_with_the_integer_zero(opset):
    """A Pad without a value puts the integer 0, which here stands for -7 * 0.02."""
    made = helper.make_node("Pad", ["q", "pads"], ["y_q"], "pad")
    model = by_hand([made], PADS, opset=opset)
    if opset == 11:
        model.graph.node[1].input.append("z")  # int8 Pad begins with operator set 13
        rewritten = rewrite_qlinear(model)
        assert operators(rewritten)[1:] == ["DequantizeLinear"] * 2 + ["Pad", "QuantizeLinear"]
        return
    feed = {"x": floats(*IMAGE)}
    result = run(rewrite_qlinear(model), feed)["y_q"]
    np.testing.assert_array_equal(result, run(model, feed)["y_q"])
    assert (result[:, :, 0] == 0).all()


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_resized_integers(mode):
    """Of integers onnxruntime cuts the interpolated value off, of real numbers it is rounded."""
    made = helper.make_node("Resize", ["q", "", "scales"], ["y_q"], "resize", mode=mode)
    model = by_hand([made], {"scales": np.float32([1, 1, 2, 1.5])})
    feed = {"x": floats(*IMAGE)}
    before, after = (run(m, feed)["y_q"].astype(int) for m in (model, rewrite_qlinear(model)))
    assert np.abs(before - after).max() == {"nearest": 0, "linear": 1}[mode]


def test_largest_index_of_integers():
    made = helper.make_node("ArgMax", ["q"], ["y_q"], "argmax", axis=1)
    model = by_hand([made], {}, {"y_q": (TensorProto.INT64, None)})
    feed = {"x": floats(*IMAGE)}
    np.testing.assert_array_equal(run(rewrite_qlinear(model), feed)["y_q"], run(model, feed)["y_q"])


def test_float_and_qdq_models_stay(tmp_path):
    made, shape, constants = NETWORKS["QLinearConv"]
    model = float_model([made], list(shape), constants)
    for kept in (model, by_onnxruntime(model, floats(4, *shape[1:]), tmp_path, "QDQ")):
        assert not needs_rewriting(kept)
        assert rewrite_qlinear(kept).graph.node == kept.graph.node


CONV = {
    "w": np.ones((6, 4, 3, 3), np.int8),
    "wz": np.int8(0),
    "ys": np.float32(1),
    "yz": np.int8(0),
    "three": np.float32([1, 2, 3, 4]),
    "zeros": np.int8([0, 0, 0, 0]),
    "six": np.float32([1, 2, 3, 4, 5, 6]),
}
FLOAT_OUT = {"y_q": (TensorProto.FLOAT, None)}
REFUSED = {
    "ConvInteger": (
        helper.make_node("ConvInteger", ["q", "w", "z", "wz"], ["y_q"], "bad"),
        {"y_q": (TensorProto.INT32, None)},
        r"'bad'.*scaled at run time.*found: ConvInteger.*QLinearConv.*quantize",
    ),
    "MatMulInteger": (
        helper.make_node("MatMulInteger", ["q", "q"], ["y_q"], "bad"),
        {"y_q": (TensorProto.INT32, None)},
        r"'bad'.*scaled at run time.*found: MatMulInteger",
    ),
    "DynamicQuantizeLinear": (
        helper.make_node("DynamicQuantizeLinear", ["x"], ["y_q", "a", "b"], "bad"),
        {"y_q": (TensorProto.UINT8, None)},
        r"'bad'.*computed at run time.*found: DynamicQuantizeLinear",
    ),
    "unknown": (
        helper.make_node("QLinearTanh", ["q"], ["y_q"], "bad", domain=MICROSOFT),
        None,
        r"'bad'.*cannot be rewritten.*found: com.microsoft.QLinearTanh.*QLinearSigmoid",
    ),
    "channels last": (
        helper.make_node(
            *("QLinearGlobalAveragePool", ["q", "s", "z", "s", "z"], ["y_q"], "bad"),
            domain=MICROSOFT,
            channels_last=1,
        ),
        None,
        r"'bad'.*channels last.*channels_last=1.*channels_last=0",
    ),
    "softmax": (
        helper.make_node(
            *("QLinearSoftmax", ["q", "s", "z", "s", "z"], ["y_q"], "bad"),
            domain=MICROSOFT,
            opset=11,
        ),
        None,
        r"'bad'.*another operator set.*opset=11, axis=1 in operator set 17",
    ),
    "activation per channel": (
        helper.make_node(
            "QLinearConv", ["q", "three", "zeros", "w", "s", "wz", "ys", "yz"], ["y_q"], "bad"
        ),
        None,
        r"'bad'.*activation has several scales.*'three'",
    ),
    "integer arithmetic": (
        helper.make_node("Cast", ["q"], ["y_q"], "bad", to=TensorProto.FLOAT),
        FLOAT_OUT,
        r"'bad'.*computes on quantized integers.*found: Cast.*MaxPool",
    ),
    "several scales": (
        helper.make_node("Concat", ["q", "p"], ["y_q"], "bad", axis=1),
        None,
        r"'bad'.*computes on quantized integers.*found: Concat.*all inputs of one scale",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case):
    made, outputs, message = REFUSED[case]
    other = helper.make_node("QuantizeLinear", ["x", "ys", "yz"], ["p"], "other")
    with pytest.raises(ModelError, match=message):
        rewrite_qlinear(by_hand([other, made], CONV, outputs))


def test_channels_in_an_old_operator_set():
    inputs = ["q", "s", "z", "w", "six", "wz", "ys", "yz"]
    made = helper.make_node("QLinearConv", inputs, ["y_q"], "bad")
    with pytest.raises(ModelError, match=r"'bad'.*one scale per channel.*set 12.*13 or above"):
        rewrite_qlinear(by_hand([made], CONV, opset=12))
