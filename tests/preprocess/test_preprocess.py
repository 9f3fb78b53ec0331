"""The forms that a network is brought to before it is quantized."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from qdq_networks import floats, network, node, run

from tvm_espdl.errors import ModelError
from tvm_espdl.quantize import preprocess_onnx

X = {"x": (1, 4, 6, 6)}
NORM = {
    "g": floats(4, seed=1),
    "h": floats(4, seed=2),
    "m": floats(4, seed=3),
    "v": np.abs(floats(4, seed=4)) + np.float32(0.1),
}
WEIGHTS = {"w": floats(4, 4, 3, 3), "b": floats(4)}


def operators(model):
    return [n.op_type for n in model.graph.node]


def check(model, expected, shape=(1, 4, 6, 6)):
    """Preprocess, compare the operators and what is computed; returns the result."""
    before = model.SerializeToString()
    prepared = preprocess_onnx(model)
    onnx.checker.check_model(prepared, full_check=True)
    assert operators(prepared) == expected
    assert model.SerializeToString() == before
    assert operators(preprocess_onnx(prepared)) == expected
    x = floats(*shape, seed=5)
    for name, value in run(model, {"x": x}).items():
        assert np.allclose(run(prepared, {"x": x})[name], value, rtol=1e-4, atol=1e-4)
    return prepared


@pytest.mark.parametrize(
    ("follower", "constants"),
    [
        (node("BatchNormalization", "t g h m v", "y"), NORM),
        (node("Add", "k t", "y"), {"k": floats(4, 1, 1)}),
        (node("Sub", "t k", "y"), {"k": floats(1, 4, 1, 1)}),
        (node("Mul", "t k", "y"), {"k": np.float32(3)}),
    ],
)
@pytest.mark.parametrize("bias", ["b", ""])
def test_per_channel_arithmetic_is_folded(follower, constants, bias):
    conv = node("Conv", f"x w {bias}", "t", pads=[1, 1, 1, 1])
    prepared = check(
        network([conv, follower], X, {"y": X["x"]}, {**WEIGHTS, **constants}), ["Conv"]
    )
    assert len(prepared.graph.initializer) == 2


def test_normalization_behind_gemm_and_transposed_convolution():
    nodes = [node("Gemm", "x w", "t", transB=1), node("BatchNormalization", "t g h m v", "y")]
    check(
        network(nodes, {"x": (1, 5)}, {"y": (1, 4)}, {"w": floats(4, 5), **NORM}), ["Gemm"], (1, 5)
    )
    nodes[0] = node("ConvTranspose", "x w", "t", pads=[1, 1, 1, 1])
    check(network(nodes, X, {"y": X["x"]}, {**WEIGHTS, **NORM}), ["ConvTranspose"])


def test_normalization_alone_becomes_a_depthwise_convolution():
    nodes = [node("Relu", "x", "t"), node("BatchNormalization", "t g h m v", "y")]
    prepared = check(network(nodes, X, {"y": X["x"]}, NORM), ["Relu", "Conv"])
    assert {a.name: a.i for a in prepared.graph.node[1].attribute}["group"] == 4


@pytest.mark.parametrize(
    "constant", [floats(6), floats(6, 6), floats(1, 4, 6, 6), floats(1, 1, 1, 1, 1)]
)
def test_other_constants_are_not_folded(constant):
    conv = node("Conv", "x w b", "t", pads=[1, 1, 1, 1])
    shape = (1,) * (constant.ndim - 4) + X["x"]
    model = network([conv, node("Add", "t k", "y")], X, {"y": shape}, {**WEIGHTS, "k": constant})
    check(model, ["Conv", "Add"])


def test_a_product_with_another_reader_is_not_folded():
    nodes = [node("Conv", "x w b", "t", pads=[1, 1, 1, 1]), node("Add", "t k", "y")]
    model = network(nodes, X, {"y": X["x"], "t": X["x"]}, {**WEIGHTS, "k": floats(4, 1, 1)})
    check(model, ["Conv", "Add"])


def test_identities_and_dropout():
    nodes = [
        node("Identity", "x", "a"), node("Dropout", "a", "c"), node("Relu", "c", "d"),
        node("Identity", "d", "e"), node("Identity", "e", "y"),
    ]  # fmt: skip
    check(network(nodes, X, {"y": X["x"]}), ["Relu"])
    check(network(nodes, X, {"y": X["x"], "e": X["x"]}), ["Relu", "Identity"])
    check(network([node("Identity", "x", "y")], X, {"y": X["x"]}), ["Identity"])


def test_shape_arithmetic_is_computed():
    nodes = [
        node("Constant", "", "one", value_ints=[1]), node("Shape", "x", "s"),
        node("Constant", "", "zero", value=numpy_helper.from_array(np.int64([0]))),
        node("Gather", "s zero", "n", axis=0), node("Constant", "", "rest", value_ints=[-1]),
        node("Concat", "n rest", "target", axis=0), node("Reshape", "x target", "y"),
    ]  # fmt: skip
    prepared = check(network(nodes, {"x": ("N", 4, 6, 6)}, {"y": ("N", "K")}), ["Reshape"])
    assert [tensor.name for tensor in prepared.graph.initializer] == ["target"]
    assert numpy_helper.to_array(prepared.graph.initializer[0]).tolist() == [1, -1]


def test_nothing_is_taken_apart():
    # onnxruntime's optimizer would write HardSwish as Mul and HardSigmoid, Gelu with Erf.
    nodes = [node("HardSwish", "x", "a"), node("Gelu", "a", "y")]
    check(network(nodes, X, {"y": X["x"]}, opset=20), ["HardSwish", "Gelu"])


def test_low_operator_sets_are_raised():
    nodes = [node("Clip", "x", "a", min=0.0, max=6.0), node("Squeeze", "a", "y", axes=[0])]
    prepared = check(network(nodes, X, {"y": (4, 6, 6)}, opset=9), ["Clip", "Squeeze"])
    assert [(entry.domain, entry.version) for entry in prepared.opset_import] == [("", 13)]


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize(("operator", "opset"), [("Resize", 10), ("Upsample", 9)])
def test_resizes_of_low_operator_sets_keep_their_points(operator, opset, mode):
    """ONNX's own converter leaves out where they lie: there was one way only."""
    resize = node(operator, "x s", "y", mode=mode)
    scales = {"s": np.array([1, 1, 2, 1.5], np.float32)}
    check(network([resize], X, {"y": (1, 4, 12, 9)}, scales, opset=opset), ["Resize"])


def test_initializers_among_the_inputs():
    model = network([node("Relu", "x", "t"), node("Mul", "t k", "y")], X, {"y": X["x"]},
                    {"k": floats(1, 1, 1, 6)})  # fmt: skip
    model.graph.input.append(helper.make_tensor_value_info("k", TensorProto.FLOAT, [1, 1, 1, 6]))
    model.ir_version = 3
    prepared = check(model, ["Relu", "Mul"])
    assert [value.name for value in prepared.graph.input] == ["x"]
    assert prepared.ir_version >= 7


def test_bodies_of_control_flow_keep_what_they_read():
    body = helper.make_graph(
        [node("Add", "t k", "z")], "body", [], [helper.make_tensor_value_info("z", 1, [1, 4])]
    )
    other = helper.make_graph(
        [node("Neg", "t", "z")], "other", [], [helper.make_tensor_value_info("z", 1, [1, 4])]
    )
    nodes = [node("Relu", "x", "t"), node("ReduceMax", "x", "r", keepdims=0),
             node("Cast", "r", "c", to=TensorProto.BOOL),
             node("If", "c", "y", then_branch=body, else_branch=other)]  # fmt: skip
    model = network(nodes, {"x": (1, 4)}, {"y": (1, 4)}, {"k": floats(1, 4)})
    check(model, ["Relu", "ReduceMax", "Cast", "If"], (1, 4))


@pytest.mark.parametrize("operator", ["QuantizeLinear", "DequantizeLinear"])
def test_quantized_models_are_refused(operator):
    source, target = (1, 3) if operator == "QuantizeLinear" else (3, 1)
    model = network(
        [node(operator, "x s z", "y")],
        {"x": (1, 4)},
        {"y": (1, 4)},
        {"s": np.float32(0.5), "z": np.int8(0)},
        types={"x": source, "y": target},
    )
    with pytest.raises(ModelError, match=f"quantized already; found: {operator}"):
        preprocess_onnx(model)
