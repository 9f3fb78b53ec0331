"""Which tensors have one exponent, and where a requantize goes in."""

import numpy as np
import onnx
import pytest
from qdq_networks import exponent_by_search, floats, network, node, quantize, run

from tvm_espdl.compilation import compile_file
from tvm_espdl.onnx_graphs.graph import Graph
from tvm_espdl.quantize import quantize_onnx
from tvm_espdl.quantize.rules import rule_of

X = {"x": (1, 4, 8, 8)}


def passive(operator, inputs, shape, constants=None, outputs=None, **attributes):
    names = " ".join(outputs or ["t"])
    model = network(
        [node("Sigmoid", "x", "s"), node(operator, inputs, names, **attributes),
         *(node("Neg", name, f"y{i}") for i, name in enumerate(names.split()))],
        X, {f"y{i}": shape for i, _ in enumerate(names.split())}, constants,
    )  # fmt: skip
    return quantize(model)[1]


def ints(*values):
    return np.array(values, np.int64)


@pytest.mark.parametrize(
    ("operator", "inputs", "shape", "constants", "attributes"),
    [
        ("MaxPool", "s", (1, 4, 4, 4), {}, {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("GlobalMaxPool", "s", (1, 4, 1, 1), {}, {}),
        ("Reshape", "s c", (1, 256), {"c": ints(1, -1)}, {}),
        ("Flatten", "s", (1, 256), {}, {}),
        ("Transpose", "s", (1, 8, 8, 4), {}, {"perm": [0, 2, 3, 1]}),
        ("Squeeze", "s c", (4, 8, 8), {"c": ints(0)}, {}),
        ("Unsqueeze", "s c", (1, 1, 4, 8, 8), {"c": ints(0)}, {}),
        ("Slice", "s a b c", (1, 2, 8, 8), {"a": ints(1), "b": ints(3), "c": ints(1)}, {}),
        ("Pad", "s c", (1, 4, 10, 8), {"c": ints(0, 0, 1, 0, 0, 0, 1, 0)}, {}),
        ("Gather", "s c", (1, 2, 8, 8), {"c": ints(0, 2)}, {"axis": 1}),
        ("DepthToSpace", "s", (1, 1, 16, 16), {}, {"blocksize": 2}),
        ("SpaceToDepth", "s", (1, 16, 4, 4), {}, {"blocksize": 2}),
        ("ReduceMax", "s", (1, 1, 1, 1), {}, {"axes": [1, 2, 3]}),
        ("ReduceMin", "s", (1, 1, 1, 1), {}, {"axes": [1, 2, 3]}),
        ("Expand", "s c", (2, 4, 8, 8), {"c": ints(2, 1, 1, 1)}, {}),
        ("Tile", "s c", (1, 8, 8, 8), {"c": ints(1, 2, 1, 1)}, {}),
        ("Resize", "s  sc", (1, 4, 16, 16), {"sc": np.float32([1, 1, 2, 2])},
         {"mode": "nearest"}),
    ],
)  # fmt: skip
def test_operators_that_move_values(operator, inputs, shape, constants, attributes):
    if operator == "Resize":
        model = network([node("Sigmoid", "x", "s"), node("Resize", "s", "t", **attributes),
                         node("Neg", "t", "y0")], X, {"y0": shape}, constants)  # fmt: skip
        model.graph.node[1].input.extend(["", "sc"])
        q = quantize(model)[1]
    else:
        q = passive(operator, inputs, shape, constants, **attributes)
    moved = q.one(operator)
    assert q.after(q.one("Sigmoid")) == q.into(moved) == q.after(moved) == q.into(q.one("Neg"))


def test_split_shares_with_all_its_outputs():
    q = passive("Split", "s", (1, 2, 8, 8), outputs=["t", "u"], axis=1)
    split = q.one("Split")
    assert q.into(split) == q.after(split, 0) == q.after(split, 1)


@pytest.mark.parametrize("operator", ["Relu", "Clip"])
def test_activation_behind_an_input(operator):
    inputs = "x" if operator == "Relu" else "x lo hi"
    limits = {"lo": np.float32(-1), "hi": np.float32(1)} if operator == "Clip" else {}
    data = floats(8, 4, 8, 8, scale=5)
    q = quantize(network([node(operator, inputs, "y")], X, {"y": X["x"]}, limits), data)[1]
    found = q.one(operator)
    # What the input holds beyond the limits may saturate.
    ends = (data.min(), data.max()) if operator == "Relu" else (-1, 1)
    assert q.into(found) == q.after(found) == exponent_by_search(*ends)


@pytest.mark.parametrize("operator", ["Add", "Sub", "Sum", "Max", "Min"])
def test_operators_that_need_equal_exponents(operator):
    nodes = [node("Sigmoid", "x", "a"), node("Exp", "x", "b"), node(operator, "a b", "y")]
    result, q = quantize(network(nodes, X, {"y": X["x"]}))
    found = q.one(operator)
    exponents = [q.after(q.one("Sigmoid")), q.after(q.one("Exp")), q.into(found, 0),
                 q.into(found, 1), q.after(found)]  # fmt: skip
    rows = {row.name: row for row in result.report.rows}
    own = max(exponent_by_search(rows[name].low, rows[name].high) for name in "aby")
    assert exponents == [own] * 5
    assert not q.requantized(found, 0)
    assert not q.requantized(found, 1)


def test_concat_and_linear_resize():
    nodes = [
        node("Sigmoid", "x", "a"), node("Exp", "x", "b"), node("Concat", "a b", "c", axis=1),
        node("Resize", "c", "y", mode="linear"),
    ]  # fmt: skip
    nodes[3].input.extend(["", "scales"])
    constants = {"scales": np.float32([1, 1, 2, 2])}
    q = quantize(network(nodes, X, {"y": (1, 8, 16, 16)}, constants))[1]
    concat, resize = q.one("Concat"), q.one("Resize")
    assert len({q.into(concat, 0), q.into(concat, 1), q.after(concat), q.after(resize)}) == 1


def residual():
    # r is read by two operators; the sum has a larger range than r.
    nodes = [
        node("Sigmoid", "x", "r", name="first"), node("Exp", "r", "e", name="grow"),
        node("Mul", "e k", "m"), node("Add", "r m", "y", name="sum"),
    ]  # fmt: skip
    return network(nodes, X, {"y": X["x"]}, {"k": np.float32(20)})


def test_a_tensor_with_another_reader_is_requantized_on_the_edge():
    result, q = quantize(residual())
    add = q.one("Add")
    assert q.after(q.one("Sigmoid")) == q.into(q.one("Exp")) == -7
    assert q.requantized(add, 0)
    assert not q.requantized(add, 1)
    assert q.into(add, 0) == q.into(add, 1) == q.after(add) == q.after(q.one("Mul"))
    assert add.input[0] == "r_requantized_sum_dequantized"
    feed = q.maker["r_requantized_sum_quantized"]
    assert (feed.op_type, feed.input[0]) == ("QuantizeLinear", "r_dequantized")
    row = next(row for row in result.report.rows if row.role == "requantized")
    assert (row.name, row.exponents) == ("r", (q.after(add),))


def test_no_requantize_between_equal_exponents():
    nodes = [node("Sigmoid", "x", "r"), node("Neg", "r", "n"), node("Max", "r n", "y")]
    _, q = quantize(network(nodes, X, {"y": X["x"]}), floats(4, 4, 8, 8, scale=9))
    # r goes to 1.0 (2^-6); n to -1.0 (2^-7) takes the exponent of the group.
    assert not q.requantized(q.one("Max"), 0)
    assert {q.into(q.one("Max"), 0), q.after(q.one("Neg"))} == {-6}


def test_an_output_that_is_read_inside_counts_as_another_reader():
    nodes = [node("Sigmoid", "x", "r"), node("Exp", "x", "b"), node("Add", "r b", "y")]
    _, q = quantize(network(nodes, X, {"r": X["x"], "y": X["x"]}))
    assert q.requantized(q.one("Add"), 0)
    assert q.one("Sigmoid").output[0] == "r_float"
    assert q.maker["r"].op_type == "DequantizeLinear"


def test_a_slice_of_something_read_elsewhere_is_requantized():
    nodes = [
        node("Sigmoid", "x", "s"), node("Split", "s", "a b", axis=1), node("Exp", "b", "e"),
        node("Mul", "e k", "m"), node("Concat", "a b m", "c", axis=1), node("Tanh", "c", "y"),
    ]  # fmt: skip
    _, q = quantize(network(nodes, X, {"y": (1, 6, 8, 8)}, {"k": np.float32(9)}))
    concat = q.one("Concat")
    assert [q.requantized(concat, place) for place in range(3)] == [True, True, False]
    assert {q.into(concat, place) for place in range(3)} == {q.after(concat)}
    assert q.after(q.one("Split"), 0) == q.after(q.one("Sigmoid"))


def test_chains_of_sums_share_one_exponent():
    nodes = [node("Sigmoid", "x", "a"), node("Exp", "x", "b"), node("Add", "a b", "c"),
             node("Tanh", "x", "d"), node("Add", "d c", "y")]  # fmt: skip
    _, q = quantize(network(nodes, X, {"y": X["x"]}))
    makers = ["Sigmoid", "Exp", "Tanh"]
    assert len({q.after(q.one(name)) for name in makers} | {q.after(n) for n in q.all("Add")}) == 1


def test_add_and_relu_are_one_kernel():
    nodes = [node("Sigmoid", "x", "a"), node("Exp", "x", "b"), node("Sub", "a b", "c"),
             node("Add", "c a", "d"), node("Relu", "d", "y")]  # fmt: skip
    _, q = quantize(network(nodes, X, {"y": X["x"]}))
    assert q.one("Relu").input[0] == q.one("Add").output[0] == "d"
    assert q.into(q.one("Add"), 0) == q.into(q.one("Add"), 1) == q.after(q.one("Relu"))


@pytest.mark.parametrize("operator", ["Add", "Sub", "Max"])
def test_constant_operands_take_the_exponent_of_the_group(operator):
    constant = floats(1, 4, 1, 1, scale=30)
    nodes = [node("Sigmoid", "x", "s"), node(operator, "s k", "y")]
    _, q = quantize(network(nodes, X, {"y": X["x"]}, {"k": constant}))
    found = q.one(operator)
    assert q.stored(found, 1).dtype == np.int8
    assert q.into(found, 0) == q.into(found, 1) == q.after(found)
    assert np.abs(q.stored(found, 1) * 2.0 ** q.into(found, 1) - constant).max() <= 0.5 * 2.0 ** (
        q.into(found, 1)
    )


@pytest.mark.parametrize("operator", ["Mul", "Div"])
def test_constant_factors_have_their_own_exponent(operator):
    constant = np.float32(0.3)
    nodes = [node("Sigmoid", "x", "s"), node(operator, "s k", "y")]
    _, q = quantize(network(nodes, X, {"y": X["x"]}, {"k": constant}))
    found = q.one(operator)
    assert q.into(found, 1) == exponent_by_search(constant, constant)
    assert q.stored(found, 1).shape == ()
    if operator == "Mul":
        assert q.after(found) >= q.into(found, 0) + q.into(found, 1)


def test_the_constant_of_a_sum_is_written_second():
    nodes = [node("Sigmoid", "x", "s"), node("Add", "k s", "y")]
    _, q = quantize(network(nodes, X, {"y": X["x"]}, {"k": floats(4, 1, 1)}))
    assert q.one("Add").input[0] == "s_dequantized"


@pytest.mark.parametrize(
    ("operator", "attributes", "opset"),
    [("AveragePool", {"kernel_shape": [2, 2]}, 13), ("GlobalAveragePool", {}, 13),
     ("ReduceMean", {"axes": [1, 2]}, 13), ("ReduceSum", {}, 13), ("LeakyRelu", {}, 13),
     ("Sigmoid", {}, 13), ("Tanh", {}, 13), ("HardSigmoid", {}, 13), ("HardSwish", {}, 14),
     ("Elu", {}, 13), ("Gelu", {}, 20), ("Exp", {}, 13), ("Sqrt", {}, 13), ("Neg", {}, 13),
     ("Log", {}, 13), ("Softplus", {}, 13)],
)  # fmt: skip
def test_operators_with_an_exponent_of_their_own(operator, attributes, opset):
    data = np.abs(floats(8, 4, 8, 8)) + np.float32(0.01)
    model = network([node(operator, "x", "y", **attributes)], X, {"y": tuple("nchw")}, opset=opset)
    result, q = quantize(model, data)
    assert len(q.all(operator)) == 1, "must not be taken apart"
    row = result.report.rows[-1]
    assert (row.name, row.role) == ("y", "output")
    assert q.after(q.one(operator)) == exponent_by_search(row.low, row.high)


def test_prelu_and_layer_normalization():
    nodes = [node("PRelu", "x a", "t"), node("LayerNormalization", "t g h", "y")]
    constants = {"a": floats(4, 1, 1), "g": floats(8), "h": floats(8)}
    _, q = quantize(network(nodes, X, {"y": X["x"]}, constants, opset=17))
    slope = q.stored(q.one("PRelu"), 1)
    assert (slope.dtype, slope.shape) == (np.int8, (4, 1, 1))
    assert isinstance(q.into(q.one("PRelu"), 1), int)
    for place, name in ((1, "g"), (2, "h")):
        made = q.one("LayerNormalization")
        assert q.stored(made, place).dtype == np.int8
        own = constants[name]
        assert q.into(made, place) == exponent_by_search(own.min(), own.max())


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4", "esp32"])
@pytest.mark.parametrize(("int16", "least"), [((), 28), (["*"], 60)])
def test_layer_normalization_runs_on_esp_dl(chip, int16, least):
    constants = {"w": floats(8, 16, scale=0.3), "g": 1 + floats(16, scale=0.2), "h": floats(16)}
    nodes = [node("MatMul", "x w", "t"), node("LayerNormalization", "t g h", "y")]
    model = network(nodes, {"x": (1, 6, 8)}, {"y": (1, 6, 16)}, constants, opset=17)
    samples = list(np.random.default_rng(3).uniform(-2, 2, (8, 1, 6, 8)).astype(np.float32))
    result = quantize_onnx(model, samples, chip, int16=int16)
    library = compile_file(result.model, chip)
    assert {row.defined_by for row in library.report().nodes} == {"ESP-DL"}
    for x in samples:
        wanted = run(model, {"x": x})["y"]
        noise = np.mean((library.run([x])[0] - wanted) ** 2)
        assert 10 * np.log10(np.mean(wanted**2) / noise) > least


def test_layer_normalization_of_computed_or_broadcast_parameters_stays_float():
    for constants, inputs in (({"h": floats(8)}, {"g": (8,)}), ({"g": floats(1)}, {})):
        names = "t g h" if "h" in constants else "t g"
        nodes = [node("Neg", "x", "t"), node("LayerNormalization", names, "y")]
        model = network(nodes, {**X, **inputs}, {"y": X["x"]}, constants, opset=17)
        graph = Graph(onnx.shape_inference.infer_shapes(model))
        assert isinstance(rule_of(graph.nodes[1], graph), str)


def test_softmax_has_a_float_output():
    _, q = quantize(network([node("Softmax", "x", "y")], X, {"y": X["x"]}))
    assert q.source(q.one("Softmax"))
    assert q.one("Softmax").output[0] == "y"
    assert not q.readers("y")


def test_softmax_is_quantized_for_a_quantized_reader_only():
    nodes = [node("Softmax", "x", "p"), node("Reshape", "p s", "r"), node("Neg", "p", "n")]
    outputs = {"r": (1, 256), "n": X["x"], "p": X["x"]}
    _, q = quantize(network(nodes, X, outputs, {"s": ints(1, 256)}))
    assert q.one("Softmax").output[0] == "p"
    assert q.one("Reshape").input[0] == "p"
    assert q.one("Neg").input[0] == "p_dequantized"


def test_what_the_table_does_not_hold_stays_float():
    nodes = [node("Sigmoid", "x", "s"), node("Erf", "s", "e"), node("Cos", "e", "c"),
             node("Neg", "c", "y")]  # fmt: skip
    result, q = quantize(network(nodes, X, {"y": X["x"]}))
    assert q.one("Erf").input[0] == "s_dequantized"
    assert q.one("Cos").input[0] == "e"
    assert q.one("Neg").input[0] == "c_dequantized"
    assert [left.operator for left in result.report.left_float] == ["Erf", "Cos"]


def test_a_float_reader_of_an_input_reads_it_as_it_is():
    nodes = [node("Neg", "x", "n"), node("Cos", "x", "c")]
    _, q = quantize(network(nodes, X, {"n": X["x"], "c": X["x"]}))
    assert q.one("Cos").input[0] == "x"
    assert q.one("Neg").input[0] == "x_dequantized"


def test_integer_inputs_and_moves_of_integers_are_left_alone():
    from onnx import TensorProto

    nodes = [node("Reshape", "i s", "j"), node("Gather", "t j", "y", axis=0)]
    constants = {"s": ints(2), "t": floats(10, 3)}
    nodes.append(node("Neg", "y", "z"))
    model = network(nodes, {"i": (1, 2)}, {"z": (2, 3)}, constants, types={"i": TensorProto.INT64})
    result, q = quantize(model, {"i": np.int64([[1, 2], [9, 0]])})
    assert list(q.one("Reshape").input) == ["i", "s"]
    gather = q.one("Gather")
    assert q.stored(gather, 0).dtype == np.int8
    assert q.into(gather, 0) == q.after(gather)
    assert run(result.model, {"i": np.int64([[1, 2]])})["z"].shape == (2, 3)
