"""Forms that are said in several ways in ONNX, each against onnxruntime before and after."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from tvm_espdl.errors import ModelError
from tvm_espdl.onnx_graphs.halves import halves_to_float
from tvm_espdl.onnx_graphs.model import fix_batch, load_model
from tvm_espdl.onnx_graphs.plain_forms import plain_forms

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def node(*arguments, **attributes):
    return helper.make_node(*arguments, **attributes)


def network(nodes, x, constants=(), opset=17, outputs=("y",)):
    values = dict(constants)
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", FLOAT, x)],
        [helper.make_empty_tensor_value_info(name) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in values.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 8
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    for value in model.graph.output:
        value.CopyFrom(next(v for v in inferred.graph.output if v.name == value.name))
    return fix_batch(model)


def run(model, x):
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"x": x})


def weights(*shape):
    return np.random.default_rng(7).normal(size=shape).astype(np.float32)


def unchanged(model):
    """The plain model, after it was seen to compute the same."""
    before = model.SerializeToString()
    plain = plain_forms(model)
    assert model.SerializeToString() == before
    shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    for one, other in zip(run(plain, weights(*shape)), run(model, weights(*shape)), strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    return plain


MODES = ("SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kind", ["Conv", "MaxPool", "AveragePool", "ConvTranspose"])
def test_pads_that_a_rule_says(kind, stride, mode):
    settings = {"strides": [stride, 2], "auto_pad": mode}
    if kind.endswith("Pool"):
        settings["kernel_shape"] = [3, 2]
        made, constants = node(kind, ["x"], ["y"], **settings), {}
    else:
        made, constants = node(kind, ["x", "w"], ["y"], **settings), {"w": weights(3, 3, 3, 2)}
    plain = unchanged(network([made], [1, 3, 10, 7], constants))
    assert not any(a.name == "auto_pad" for a in plain.graph.node[0].attribute)


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("size", [[6, 7], [7, 8], [5, 9]])
@pytest.mark.parametrize(
    ("kernel", "stride", "pads"),
    [([3, 3], [2, 2], [0] * 4), ([3, 2], [2, 3], [1, 0, 1, 1]), ([2, 2], [3, 3], [1] * 4)],
)
def test_windows_that_end_behind_the_image(kind, size, kernel, stride, pads):
    settings = {"kernel_shape": kernel, "strides": stride, "pads": pads, "ceil_mode": 1}
    plain = unchanged(network([node(kind, ["x"], ["y"], **settings)], [1, 2, *size]))
    assert not any(a.name == "ceil_mode" for a in plain.graph.node[0].attribute)


@pytest.mark.parametrize("mode", ["NOTSET", "SAME_UPPER"])
@pytest.mark.parametrize("wanted", [[10, 10], [11, 9], [9, 11]])
def test_output_shape_of_a_transposed_convolution(wanted, mode):
    made = node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2], output_shape=wanted)
    if mode != "NOTSET":
        made.attribute.append(helper.make_attribute("auto_pad", mode))
    plain = unchanged(network([made], [1, 4, 5, 5], {"w": weights(4, 2, 3, 3)}))
    assert not any(a.name == "output_shape" for a in plain.graph.node[0].attribute)


def test_an_output_shape_beyond_reach_is_refused():
    made = node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2], output_shape=[14, 10])
    model = network([made], [1, 4, 5, 5], {"w": weights(4, 2, 3, 3)})
    with pytest.raises(ModelError, match=r"larger than the node's result.*at most \[12, 12\]"):
        plain_forms(model)


def branch(name, operator, source="a"):
    """A body with a constant and an inner name that the outer graph has, too."""
    shape = helper.make_tensor_value_info("r", FLOAT, [1, 3, 4, 4])
    nodes = [node(operator, [source], ["a2"]), node("Mul", ["a2", "k"], ["r"])]
    constant = numpy_helper.from_array(np.array(2 if operator == "Relu" else 3, np.float32), "k")
    return helper.make_graph(nodes, name, [], [shape], [constant])


@pytest.mark.parametrize("channels", [3, 5])
def test_the_branch_that_counts_takes_the_place_of_if(channels):
    nodes = [
        node("Neg", ["x"], ["a"]),
        node("Shape", ["a"], ["s"]),
        node("Gather", ["s", "one"], ["c"]),
        node("Equal", ["c", "wanted"], ["same"]),
        node(
            "If", ["same"], ["b"], then_branch=branch("t", "Relu"), else_branch=branch("e", "Tanh")
        ),
        node(
            "If", ["same"], ["d"], then_branch=branch("t", "Tanh"), else_branch=branch("e", "Relu")
        ),
        node("Add", ["b", "d"], ["y"]),
    ]
    constants = {"one": np.array(1, np.int64), "wanted": np.array(channels, np.int64)}
    plain = unchanged(network(nodes, [1, 3, 4, 4], constants))
    kinds = [n.op_type for n in plain.graph.node]
    assert kinds.count("Relu") == kinds.count("Tanh") == 1 and "If" not in kinds


def test_a_branch_that_gives_one_result_twice():
    result = helper.make_tensor_value_info("r", FLOAT, [2, 2])
    body = helper.make_graph([node("Relu", ["x"], ["r"])], "t", [], [result, result])
    nodes = [
        node("If", ["yes"], ["a", "b"], then_branch=body, else_branch=body),
        node("Add", ["a", "b"], ["y"]),
    ]
    model = network(nodes, [2, 2], {"yes": np.array(True)})
    plain = plain_forms(model)
    assert [n.op_type for n in plain.graph.node] == ["Relu", "Identity", "Add"]
    assert run(plain, np.array([[1, -1], [2, 3]], np.float32))[0].tolist() == [[2, 0], [4, 6]]


def test_inputs_without_elements_are_none():
    constants = {
        "empty": np.zeros(0, np.float32),
        "size": np.array([1, 2, 8, 8], np.int64),
    }
    made = node("Resize", ["x", "empty", "empty", "size"], ["y"], mode="linear")
    plain = unchanged(network([made], [1, 2, 4, 4], constants, opset=13))
    assert list(plain.graph.node[0].input) == ["x", "", "", "size"]


def test_shapes_as_outputs_are_constants():
    model = network([node("Shape", ["x"], ["y"]), node("Size", ["x"], ["z"])], [2, 3], (), 17, "yz")
    assert [n.op_type for n in unchanged(model).graph.node] == ["Identity", "Identity"]


def test_quantization_of_constants_stays():
    nodes = [node("DequantizeLinear", ["q", "s"], ["w"]), node("Shape", ["x"], ["n"])]
    nodes += [node("Reshape", ["x", "n"], ["r"]), node("Mul", ["r", "w"], ["y"])]
    constants = {"q": np.array([1, 2], np.int8), "s": np.array(0.5, np.float32)}
    kinds = [n.op_type for n in unchanged(network(nodes, [2, 2], constants)).graph.node]
    assert kinds == ["DequantizeLinear", "Reshape", "Mul"]


def test_a_model_in_plain_forms_is_itself():
    model = network([node("Relu", ["x"], ["y"])], [1, 2])
    assert plain_forms(model) is model


@pytest.mark.parametrize("half", [TensorProto.FLOAT16, TensorProto.BFLOAT16])
def test_halves_become_floats(half):
    cast = node("Cast", ["a"], ["y"], to=half)
    graph = helper.make_graph(
        [node("Mul", ["x", "w"], ["a"]), cast],
        "halves",
        [helper.make_tensor_value_info("x", half, [2])],
        [helper.make_tensor_value_info("y", half, [2])],
        [helper.make_tensor("w", half, [2], [0.5, 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (found,) = run(halves_to_float(model), np.array([2, 5], np.float32))
    assert found.dtype == np.float32 and found.tolist() == [1, 15]
    assert model.graph.input[0].type.tensor_type.elem_type == half


def test_an_output_that_states_no_shape_gets_its_own():
    model = network([node("Transpose", ["x"], ["y"])], [2, 3])
    model.graph.output[0].type.tensor_type.ClearField("shape")
    (value,) = load_model(model).graph.output
    assert [dim.dim_value for dim in value.type.tensor_type.shape.dim] == [3, 2]


def test_what_is_computed_of_no_elements_is_constant():
    made = node("ReduceProd", ["x", "axes"], ["y"], keepdims=0)
    plain = unchanged(network([made], [0, 3], {"axes": np.array([0])}, opset=18))
    assert [n.op_type for n in plain.graph.node] == ["Identity"]


def test_no_elements_are_a_dynamic_batch_only_in_front_of_layers():
    layer = network([node("MatMul", ["x", "w"], ["y"])], [0, 3], {"w": weights(3, 2)})
    none = network([node("Relu", ["x"], ["y"])], [0, 3])
    shapes = [
        [d.dim_value for d in m.graph.input[0].type.tensor_type.shape.dim] for m in (layer, none)
    ]
    assert shapes == [[1, 3], [0, 3]]
