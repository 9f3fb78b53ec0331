"""The account of preprocessing, the comparison with the original, and shapes that a user states."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from qdq_networks import floats, network, node, run

from tvm_espdl.errors import ModelError
from tvm_espdl.onnx_graphs.model import input_signature, load_model
from tvm_espdl.preprocess import preprocess_with_report
from tvm_espdl.preprocess import steps as preprocess_steps
from tvm_espdl.preprocess.check import Original
from tvm_espdl.preprocess.steps import STEPS, Step
from tvm_espdl.quantize import preprocess_onnx

X = {"x": (1, 4, 6, 6)}
Y = {"y": (1, 4, 4, 4)}
NORM = {
    "g": floats(4, seed=1),
    "h": floats(4, seed=2),
    "m": floats(4, seed=3),
    "v": np.abs(floats(4, seed=4)) + np.float32(0.1),
}
WEIGHTS = {"w": floats(4, 4, 3, 3), "b": floats(4)}
ZOO = (
    "float/actzoo_32.onnx", "float/digits_cnn.onnx", "float/dscnn_kws_49x10.onnx",
    "float/kws_conv1d.onnx", "float/mobilenetv2_035_96.onnx", "float/mobilenetv2_100_224.onnx",
    "float/resnet8_32.onnx", "float/yolo_nano_96.onnx", "float/yolo_tiny_160.onnx",
    "seed/model.onnx",
)  # fmt: skip


def convolution():
    nodes = [
        node("Identity", "x", "i"), node("Conv", "i w b", "t"),
        node("BatchNormalization", "t g h m v", "u"), node("Relu", "u", "y"),
    ]  # fmt: skip
    return network(nodes, X, Y, {**WEIGHTS, **NORM})


def scaled_by(factor):
    """A step that is wrong: it scales the weights, once."""

    def rewrite(model):
        for tensor in model.graph.initializer:
            if tensor.name.startswith("w") and not tensor.doc_string:
                value = numpy_helper.to_array(tensor) * np.float32(factor)
                tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
                tensor.doc_string = "scaled"
                return 1
        return 0

    return rewrite


def with_step(monkeypatch, name, rewrite):
    steps = [Step(name, "Breaks.", rewrite) if step.name == name else step for step in STEPS]
    monkeypatch.setattr(preprocess_steps, "STEPS", tuple(steps))


def test_the_report_counts_places_and_measures_the_deviation():
    model = convolution()
    prepared, report = preprocess_with_report(model)
    assert report.steps == (("remove_no_ops", 1), ("fold_batch_norm", 1), ("remove_unused", 6))
    # The deviation, by the test's own means, on other values: of the same size.
    x = np.random.default_rng(3).normal(size=(1, 4, 6, 6)).astype(np.float32)
    one, other = run(prepared, {"x": x})["y"], run(model, {"x": x})["y"]
    assert 0 < np.abs(one - other).max() < 20 * report.absolute
    assert 0 < report.relative < 1e-5
    assert str(report).splitlines()[:2] == ["remove_no_ops: 1 place", "fold_batch_norm: 1 place"]
    assert "largest deviation from the original on 3 random inputs: " in str(report)
    assert preprocess_with_report(model) == (prepared, report)


def test_nothing_to_do_is_nothing_to_compare():
    prepared = preprocess_onnx(convolution())
    again, report = preprocess_with_report(prepared)
    assert again == prepared
    assert (report.steps, report.samples, str(report)) == ((), 0, "no node was changed")


@pytest.mark.parametrize("name", ["constants_second", "mean_to_pool", "average_pool_to_conv"])
def test_a_step_that_changes_the_network_is_named(monkeypatch, name):
    with_step(monkeypatch, name, scaled_by(1.02))
    with pytest.raises(ModelError, match=f"step {name}, output 'y': preprocessing changes what"):
        preprocess_with_report(convolution())
    prepared = preprocess_onnx(convolution(), skip=[name])
    assert [n.op_type for n in prepared.graph.node] == ["Conv", "Relu"]


def test_float_rounding_is_not_blamed(monkeypatch):
    with_step(monkeypatch, "constants_second", scaled_by(1 + 1e-6))
    _, report = preprocess_with_report(convolution())
    assert 1e-7 < report.relative < 1e-5


def test_ranges_of_real_data_are_used():
    model = convolution()
    signature = input_signature(load_model(model))
    original = Original(model, signature, {"x": (5.0, 9.0)})
    values = np.concatenate([sample["x"].reshape(-1) for sample in original.samples])
    assert 5.0 <= values.min() < 5.1 and 8.9 < values.max() < 9.0
    default = Original(model, signature, {})
    assert 0.0 <= default.samples[0]["x"].min() < default.samples[0]["x"].max() <= 1.0
    assert -1.0 <= default.samples[1]["x"].min() < -0.9


@pytest.mark.parametrize(
    ("ranges", "words"),
    [
        ({"y": (0, 1)}, "no such input; found: 'y'; allowed: 'x'; try: 'x'"),
        ({"x": 255}, "option ranges, input 'x': .*found: 255; allowed: two finite numbers"),
        ({"x": (255, 0)}, r"found: \(255, 0\)"),
        ({"x": (0, float("nan"))}, r"found: \(0, nan\)"),
        ({"x": (0, 1, 2)}, r"found: \(0, 1, 2\)"),
        ({"x": "01"}, "found: '01'"),
        ({"x": ("0", "1")}, r"found: \('0', '1'\)"),
    ],
)
def test_ranges_that_are_none(ranges, words):
    """Also where nothing is changed, and so nothing compared."""
    with pytest.raises(ModelError, match=words):
        preprocess_onnx(network([node("Neg", "x", "y")], {"x": (1, 4)}, {"y": (1, 4)}),
                        ranges=ranges)  # fmt: skip


def test_outputs_that_are_no_floats_or_not_finite():
    """Logarithms of negative numbers and the index of the largest value compare, too."""
    nodes = [
        node("Identity", "x", "i"), node("Log", "i", "y"), node("ArgMax", "i", "z", axis=1),
    ]  # fmt: skip
    model = network(nodes, {"x": (1, 8)}, {"y": (1, 8), "z": (1, 1)}, types={"z": 7})
    _, report = preprocess_with_report(model)
    assert (report.absolute, report.relative, report.samples) == (0.0, 0.0, 3)
    wrong = network(
        [node("Log", "x", "y"), node("ArgMin", "x", "z", axis=1)],
        {"x": (1, 8)}, {"y": (1, 8), "z": (1, 1)}, types={"z": 7},
    )  # fmt: skip
    original = Original(model, input_signature(model), {})
    found = original.deviation_of(wrong)
    assert found.output == "z" and not found.is_rounding
    assert original.deviation_of(model).is_rounding
    nowhere = network(
        [node("Abs", "x", "a"), node("Log", "a", "y"), node("ArgMax", "x", "z", axis=1)],
        {"x": (1, 8)}, {"y": (1, 8), "z": (1, 1)}, types={"z": 7},
    )  # fmt: skip
    assert original.deviation_of(nowhere).relative == np.inf  # a number where there was none


def test_integer_inputs_may_be_indices():
    nodes = [node("Gather", "k i", "g", axis=0), node("Identity", "g", "h"), node("Neg", "h", "y")]
    model = network(nodes, {"i": (1, 3)}, {"y": (1, 3, 4)}, {"k": floats(2, 4)}, types={"i": 7})
    _, report = preprocess_with_report(model)
    assert report.steps == (("remove_no_ops", 1),)


def dynamic(shape):
    nodes = [node("Identity", "x:0", "i"), node("GlobalAveragePool", "i", "y")]
    return network(nodes, {"x:0": shape}, {"y": (1, 3, 1, 1)})


def test_input_shapes():
    model = dynamic(("N", 3, "H", "W"))
    before = model.SerializeToString()
    with pytest.raises(ModelError, match=r"dimension 2 .* dynamic; .*--input_shape x:0:1,3,96,96"):
        preprocess_onnx(model)
    with pytest.raises(ModelError, match=r"--input_shape x:0:1,3,96,7$"):
        preprocess_onnx(dynamic(("N", 3, "H", 7)))
    prepared = preprocess_onnx(model, input_shapes={"x:0": (1, 3, 8, 9)})
    assert input_signature(prepared)["x:0"][0] == (1, 3, 8, 9)
    assert model.SerializeToString() == before
    x = floats(1, 3, 8, 9)
    np.testing.assert_allclose(run(prepared, {"x:0": x})["y"][0, :, 0, 0], x.mean((0, 2, 3)),
                               rtol=1e-5, atol=1e-6)  # fmt: skip


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ({"x": (1, 3, 8, 8)}, "no such input; found: 'x'; allowed: 'x:0'; try: x:0"),
        (
            {"x:0": (1, 4, 8, 8)},
            r"does not fit the input; found: \(1, 4, 8, 8\); allowed: .* 3, 'H'",
        ),
        ({"x:0": (1, 3, 8)}, "does not fit"),
        ({"x:0": (1, 3, 0, 8)}, "does not fit"),
        ({"x:0": 3}, r"does not fit the input; found: \(3,\)"),
        ({"x:0": "1,3,8,8"}, "does not fit the input; found: .*'1,3,8,8'"),
        ({"x:0": (1, 3, 8.0, 8)}, "does not fit"),
        ({"x:0": (2, 3, 8, 8)}, "fixed batch above 1"),
    ],
)
def test_wrong_input_shapes(shapes, words):
    with pytest.raises(ModelError, match=words):
        preprocess_onnx(dynamic(("N", 3, "H", "W")), input_shapes=shapes)


def choosing():
    """As a voice detector that takes two rates, each with a network of its own."""
    result = onnx.helper.make_tensor_value_info("r", onnx.TensorProto.FLOAT, [1, 4])
    bodies = [
        onnx.helper.make_graph([node(operator, "x", "r")], operator, [], [result])
        for operator in ("Relu", "Tanh")
    ]
    rate = onnx.helper.make_tensor_value_info("rate", onnx.TensorProto.INT64, [])
    nodes = [
        node("Equal", "rate high", "is_high"),
        node("If", "is_high", "y", then_branch=bodies[0], else_branch=bodies[1]),
    ]
    constants = {"high": np.array(16000, np.int64)}
    model = network(nodes, {"x": (1, 4)}, {"y": (1, 4)}, constants)
    model.graph.input.append(rate)
    return model


@pytest.mark.parametrize(("value", "operator"), [(16000, "Relu"), ([8000.0], "Tanh")])
def test_input_values(value, operator):
    prepared = preprocess_onnx(choosing(), input_values={"rate": value})
    assert [n.op_type for n in prepared.graph.node] == [operator]
    assert list(input_signature(prepared)) == ["x"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"tempo": 3}, "no such input"),
        ({"rate": 0.5}, "one number, or 1, of type int64"),
        ({"rate": [1, 2]}, "one number, or 1, of type int64"),
        ({"rate": "fast"}, "one number, or 1, of type int64"),
    ],
)
def test_wrong_input_values(values, words):
    with pytest.raises(ModelError, match=words):
        preprocess_onnx(choosing(), input_values=values)


@pytest.mark.parametrize("name", ZOO)
def test_zoo(name, models_dir):
    """Real networks: same outputs within rounding, nothing left to do, the file untouched."""
    path = models_dir / name
    before = path.read_bytes()
    prepared, report = preprocess_with_report(path)
    assert report.relative < 1e-5
    assert "Constant" not in {n.op_type for n in prepared.graph.node}
    again, nothing = preprocess_with_report(prepared)
    assert again == prepared and not nothing.steps
    assert path.read_bytes() == before


def tiny_probabilities(bias):
    """Sigmoid of some -15: results near 1e-7, which is what its polynomial is exact to."""
    rng = np.random.default_rng(3)
    weights = rng.normal(size=(1, 16)).astype(np.float32) / 16
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("Mul", ["x", "w"], ["a"]),
            onnx.helper.make_node("Add", ["a", "b"], ["c"]),
            onnx.helper.make_node("Sigmoid", ["c"], ["y"]),
        ],
        "tiny",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 16])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 16])],
        [
            onnx.numpy_helper.from_array(weights, "w"),
            onnx.numpy_helper.from_array(np.array([bias], np.float32), "b"),
        ],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model


def test_results_near_zero_are_judged_by_what_last_bits_make_of_them():
    signature = {"x": ((1, 16), np.dtype(np.float32))}
    original = Original(tiny_probabilities(-15.0), signature, {})
    assert original.deviation_of(tiny_probabilities(-15.0)).absolute == 0
    found = original.deviation_of(tiny_probabilities(-15.01))
    assert found.relative > 1e-3 and found.is_rounding
    assert not original.deviation_of(tiny_probabilities(-5.0)).is_rounding
    plain = Original(tiny_probabilities(0.0), signature, {})
    assert not plain.deviation_of(tiny_probabilities(0.01)).is_rounding
