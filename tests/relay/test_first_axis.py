"""First axes that are no batch, and a true batch above 1, against onnxruntime."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import DataError, ModelError
from tvm_espdl.preprocess import preprocess_onnx
from tvm_espdl.quantize import quantize_onnx

pytestmark = pytest.mark.filterwarnings("ignore:no part of the network")


def network(nodes, inputs, output, constants, opset=13):
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, output)],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 8
    return model


def drawn(*shape):
    return np.random.default_rng(11).normal(size=shape).astype(np.float32)


def node(*arguments, **attributes):
    return helper.make_node(*arguments, **attributes)


AXIS = np.array([0], np.int64)
NETWORKS = {
    "an image without batch axis": network(
        [
            node("Unsqueeze", ["x", "axis"], ["image"]),
            node("Conv", ["image", "w"], ["a"]),
            node("Squeeze", ["a", "axis"], ["y"]),
        ],
        {"x": [3, 8, 8]},
        [4, 6, 6],
        {"w": drawn(4, 3, 3, 3), "axis": AXIS},
    ),
    "frames that are averaged": network(
        [
            node("MatMul", ["x", "w"], ["a"]),
            node("Relu", ["a"], ["b"]),
            node("ReduceMean", ["b"], ["y"], axes=[0]),
        ],
        {"x": [8, 24]},
        [1, 6],
        {"w": drawn(24, 6)},
    ),
    "frames as a sequence": network(
        [
            node("MatMul", ["x", "w"], ["a"]),
            node("Unsqueeze", ["a", "one"], ["s"]),
            # 7 divides no index without more ado.
            node("GRU", ["s", "W", "R"], ["", "h"], hidden_size=7, linear_before_reset=1),
            node("Squeeze", ["h", "axis"], ["y"]),
        ],
        {"x": [8, 24]},
        [1, 7],
        {
            "w": drawn(24, 6) / 5,
            "one": np.array([1], np.int64),
            "axis": AXIS,
            "W": drawn(1, 21, 6) / 3,
            "R": drawn(1, 21, 7) / 3,
        },
    ),
    "states of layers in a row": network(
        [
            node("Split", ["state"], ["h", "c"], axis=0),
            node("Mul", ["x", "h"], ["a"]),
            node("Add", ["a", "c"], ["b"]),
            node("Concat", ["b", "h"], ["y"], axis=0),
        ],
        {"x": [1, 1, 6], "state": [2, 1, 6]},
        [2, 1, 6],
        {},
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_no_batch_goes_through(name):
    model = NETWORKS[name]
    shapes = {
        v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in model.graph.input
    }
    feed = {n: drawn(*shape) for n, shape in shapes.items()}
    (expected,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, feed)
    library = compile_file(model)
    assert library.batch == 1
    np.testing.assert_allclose(library.run(feed)[0], expected, rtol=1e-4, atol=1e-5)
    quantized = compile_file(quantize_onnx(model, [feed] * 2, "esp32p4").model)
    assert np.abs(quantized.run(feed)[0] - expected).max() < 0.1 * np.abs(expected).max()


def test_a_state_with_a_symbol_for_its_batch():
    model = network(
        [node("Add", ["x", "state"], ["y"])],
        {"x": ["n", 1, 4], "state": [2, "n", 4]},
        None,
        {},
    )
    assert compile_file(model).run([drawn(1, 1, 4), drawn(2, 1, 4)])[0].shape == (2, 1, 4)


def convolution(batch):
    return network(
        [node("Conv", ["x", "w"], ["y"], auto_pad="SAME_UPPER", strides=[2, 2])],
        {"x": [batch, 3, 9, 8]},
        [batch, 4, 5, 4],
        {"w": drawn(4, 3, 3, 3)},
    )


def test_a_true_batch_runs_sample_by_sample_and_is_not_exported(tmp_path):
    model, x = convolution(3), drawn(3, 3, 9, 8)
    (expected,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    library = compile_file(model)
    assert library.batch == 3 and library.program.values["x"].shape == (1, 3, 9, 8)
    np.testing.assert_allclose(library.run([x])[0], expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(DataError, match="wrong shape"):
        library.run([x[:1]])
    for write in (library.export_project, library.save_espdl, library.export_library):
        with pytest.raises(ModelError, match="a batch of 3; allowed: a batch of 1"):
            write(tmp_path / "out")
    assert preprocess_onnx(model).graph.input[0].type.tensor_type.shape.dim[0].dim_value == 1


@pytest.mark.parametrize("rows", [None, [(3, 3, 9, 8)] * 3])
def test_a_true_batch_is_quantized_sample_by_sample(rows):
    """The data come as samples, or as batches of them."""
    model, x = convolution(3), drawn(3, 3, 9, 8)
    (expected,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    data = drawn(8, 3, 9, 8) if rows is None else [drawn(*shape) for shape in rows]
    quantized = quantize_onnx(model, data, "esp32p4").model
    (same,) = onnxruntime.InferenceSession(quantized.SerializeToString()).run(None, {"x": x})
    library = compile_file(quantized)
    assert library.batch == 3
    found = library.run([x])[0]
    np.testing.assert_allclose(found, same, atol=2.0**-4)
    assert np.abs(found - expected).max() < 0.1 * np.abs(expected).max()


def test_samples_that_know_of_one_another_are_no_batch():
    """The mean over the first axis makes one network of the three images."""
    model = convolution(3)
    model.graph.node[0].output[0] = "a"
    model.graph.node.append(node("ReduceMean", ["a"], ["mean"], axes=[0]))
    model.graph.node.append(node("Sub", ["a", "mean"], ["y"]))
    x = drawn(3, 3, 9, 8)
    (expected,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    library = compile_file(model)
    assert library.batch == 1
    np.testing.assert_allclose(library.run([x])[0], expected, rtol=1e-4, atol=1e-5)


def test_inputs_without_dimension_and_without_elements():
    model = network(
        [node("Mul", ["x", "k"], ["a"]), node("Concat", ["a", "e"], ["y"], axis=1)],
        {"x": [1, 3], "k": [], "e": [1, 0]},
        [1, 3],
        {},
    )
    x, k = drawn(1, 3), np.array(2, np.float32)
    found = compile_file(model).run([x, k, np.zeros((1, 0), np.float32)])[0]
    np.testing.assert_array_equal(found, 2 * x)
