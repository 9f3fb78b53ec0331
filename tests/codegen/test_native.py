"""TVM's own functions: exact in plain C, or refused with where to end the network."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from projects import project_of
from qdq_builder import QdqBuilder

from tvm_espdl import relay
from tvm_espdl.errors import ModelError
from tvm_espdl.toolchain.network import run_network

pytestmark = pytest.mark.filterwarnings(
    "ignore:no part of the network:tvm_espdl.errors.EspdlWarning"
)
VECTOR = (1, 12)


def network(nodes, outputs, shapes=None, **constants):
    """A float network; `outputs` are names with type and shape."""
    graph = helper.make_graph(
        nodes,
        "test",
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in (shapes or {"x": VECTOR}).items()
        ],
        [helper.make_tensor_value_info(name, *kind) for name, kind in outputs.items()],
        [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8)


def compiled(model):
    return relay.build(relay.frontend.from_onnx(model)[0])


def vector(seed):
    return np.random.default_rng(seed).permutation(12).astype(np.float32).reshape(VECTOR) - 4


def scattered(x):
    result = x.copy()
    result[0, [1, 3]] = [50, 60]
    return result


PLAIN = {
    "CumSum": (
        helper.make_node("CumSum", ["x", "axis"], ["y"]),
        (TensorProto.FLOAT, VECTOR),
        {"axis": np.int32(1)},
        lambda x: np.cumsum(x, 1),
    ),
    "ArgMax": (
        helper.make_node("ArgMax", ["x"], ["y"], axis=1),
        (TensorProto.INT64, (1, 1)),
        {},
        lambda x: x.argmax(1)[:, None],
    ),
    "ScatterElements": (
        helper.make_node("ScatterElements", ["x", "places", "updates"], ["y"], axis=1),
        (TensorProto.FLOAT, VECTOR),
        {"places": np.array([[1, 3]]), "updates": np.array([[50, 60]], np.float32)},
        scattered,
    ),
}


@pytest.mark.parametrize("operator", PLAIN)
def test_loops_become_plain_c(operator, c_compiler):
    node, kind, constants, by_hand = PLAIN[operator]
    library = compiled(network([node], {"y": kind}, **constants))
    x = vector(3)
    ((in_c,),) = run_network(library.program, [[x]], c_compiler)
    for result in (*library.run([x]), in_c):
        np.testing.assert_array_equal(result, by_hand(x))


def best(outputs, after=()):
    nodes = [
        helper.make_node("Relu", ["x"], ["scores"]),
        helper.make_node("TopK", ["scores", "k"], ["values", "places"], name="best"),
        *after,
    ]
    return network(nodes, outputs, k=np.array([3]))


BEST = {"values": (TensorProto.FLOAT, (1, 3)), "places": (TensorProto.INT64, (1, 3))}


def test_a_sort_runs_on_the_pc():
    library = compiled(best(BEST))
    x = vector(5)
    values, places = library.run([x])
    order = np.argsort(-x)[:, :3]
    np.testing.assert_array_equal(places, order)
    np.testing.assert_array_equal(values, np.take_along_axis(x, order, 1))
    np.testing.assert_array_equal(list(library.run_with_intermediates(x).values())[-1], places)
    assert [node.runs_on for node in library.report().nodes] == ["TVM", "TVM"]


@pytest.mark.parametrize("inside", [False, True])
def test_a_sort_in_c_is_refused_with_where_to_cut(inside, tmp_path):
    after = [helper.make_node("Exp", ["values"], ["y"])] if inside else []
    model = best({"y": (TensorProto.FLOAT, (1, 3))} if inside else BEST, after)
    library = compiled(model)
    with pytest.raises(ModelError) as caught:
        library.export_project(tmp_path / "project")
    message = str(caught.value)
    assert "node 'best' (TopK), which computes 'values'" in message
    assert "cut the model so that it gives 'scores'" in message
    assert not (tmp_path / "project").exists()
    # The advice, followed.
    onnx.save(model, tmp_path / "whole.onnx")
    onnx.utils.extract_model(tmp_path / "whole.onnx", tmp_path / "cut.onnx", ["x"], ["scores"])
    assert project_of(compiled(str(tmp_path / "cut.onnx")))


def test_behind_integers_the_cut_is_where_they_become_real(tmp_path):
    builder = QdqBuilder()
    positive = builder.node("Relu", builder.quantized_input("x", VECTOR))
    real = builder.qdq(positive, -4)
    values, _ = builder.node("TopK", real, builder.constant(np.array([3])), outputs=2)
    builder.output(values)
    model = builder.model()
    with pytest.raises(ModelError, match=rf"gives '{positive}' \(in a QDQ model: what the Deq"):
        project_of(compiled(model))
    onnx.save(model, tmp_path / "whole.onnx")
    onnx.utils.extract_model(tmp_path / "whole.onnx", tmp_path / "cut.onnx", ["x"], [real])
    library = compiled(str(tmp_path / "cut.onnx"))
    assert {row.runs_on for row in library.report().rows} == {"ESP-DL"}
    assert project_of(library)


def test_a_sort_of_an_input_has_nothing_in_front_of_it():
    node = helper.make_node("TopK", ["x", "k"], ["values", "places"], name="best")
    library = compiled(network([node], BEST, k=np.array([3])))
    with pytest.raises(ModelError, match="give the network its result"):
        project_of(library)


def test_a_result_that_counts_is_refused_by_the_name_of_its_node():
    node = helper.make_node("NonZero", ["x"], ["places"], name="where")
    library = compiled(network([node], {"places": (TensorProto.INT64, (2, None))}))
    with pytest.raises(ModelError, match=r"node 'where' \(NonZero\), output 'places': .*depends"):
        library.run([vector(1)])
