"""Reading ONNX files: what is refused, and with which words."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tvm_espdl.errors import ModelError
from tvm_espdl.onnx_graphs.model import fix_batch, input_signature, load_model, output_names


def network(shape=("N", 3, 8, 8), output=("N", 192), reshape=(-1, 192), **types):
    graph = helper.make_graph(
        [helper.make_node("Reshape", ["x", "s"], ["y"])],
        "network",
        [helper.make_tensor_value_info("x", types.get("x", TensorProto.FLOAT), shape)],
        [helper.make_tensor_value_info("y", types.get("x", TensorProto.FLOAT), output)],
        [numpy_helper.from_array(np.array(reshape, np.int64), "s")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def dimensions(value):
    return [dim.dim_value for dim in value.type.tensor_type.shape.dim]


def test_load(tmp_path):
    model = network()
    onnx.save(model, tmp_path / "a.onnx")
    assert load_model(tmp_path / "a.onnx") == model
    assert load_model(str(tmp_path / "a.onnx")) == model
    assert load_model(model) is model


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no such model file; found: nothing"),
        (b"this is not a network\n" * 9, "cannot be read as ONNX"),
        (b"", "holds no network"),
    ],
)
def test_bad_files(tmp_path, content, words):
    path = tmp_path / "bad.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=words) as problem:
        load_model(path)
    assert problem.value.where == str(path)
    assert problem.value.try_


def test_truncated_file_and_folder(tmp_path):
    path = tmp_path / "cut.onnx"
    path.write_bytes(network().SerializeToString()[:-20])
    with pytest.raises(ModelError):
        load_model(path)
    with pytest.raises(ModelError, match="found: a folder"):
        load_model(tmp_path)


def test_invalid_model():
    model = network()
    model.graph.node[0].op_type = "Rehsape"
    with pytest.raises(ModelError, match=r"not valid ONNX; found: .*Rehsape"):
        load_model(model)


@pytest.mark.parametrize("first", ["N", None, 1])
def test_batch_becomes_one(first):
    model = network((first, 3, 8, 8), (first or "M", "whatever"))
    before = model.SerializeToString()
    fixed = fix_batch(model)
    assert dimensions(fixed.graph.input[0]) == [1, 3, 8, 8]
    assert dimensions(fixed.graph.output[0]) == [1, 192]
    assert model.SerializeToString() == before


def test_contradicting_value_info_is_dropped():
    model = network(reshape=(0, 192))
    model.graph.node.append(helper.make_node("Relu", ["y"], ["z"]))
    model.graph.value_info.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, [8, 192]))
    model.graph.output[0].name = "z"
    fixed = fix_batch(model)
    assert {value.name: dimensions(value) for value in fixed.graph.value_info} == {"y": [1, 192]}


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (("N", 3, "H", 8), r"'x': dimension 2 .* dynamic; found: \['N', 3, 'H', 8\]"),
    ],
)
def test_other_shapes_are_refused(shape, words):
    with pytest.raises(ModelError, match=words):
        fix_batch(network(shape))


def test_shapes_that_contradict_at_batch_one_are_refused():
    model = network()
    model.graph.node[0].op_type = "MatMul"
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.ones((9, 2), np.float32), "s"))
    with pytest.raises(ModelError, match=r"contradict each other at batch 1; found: .*MatMul"):
        fix_batch(model)


def test_a_contradicting_output_is_inferred_anew():
    fixed = fix_batch(network(output=(8, 192)))
    assert dimensions(fixed.graph.output[0]) == [1, 192]


def test_signature():
    model = network(x=TensorProto.INT64)
    model.graph.input.append(helper.make_tensor_value_info("s", TensorProto.INT64, [2]))
    with pytest.raises(ModelError, match="no static shape"):
        input_signature(model)
    assert input_signature(fix_batch(model)) == {"x": ((1, 3, 8, 8), np.dtype(np.int64))}
    assert output_names(model) == ["y"]


def test_a_vector_has_no_batch():
    fixed = fix_batch(network((192,), (1, 192), (1, 192)))
    assert input_signature(fixed)["x"][0] == (192,)
