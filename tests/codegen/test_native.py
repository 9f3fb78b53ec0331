"""TVM's own functions: exact in plain C, or refused with where to end the network."""

import numpy as np
import onnx
import pytest
from network_in_c import run_network
from onnx import TensorProto, helper, numpy_helper
from projects import project_of
from qdq_builder import QdqBuilder

from tvm_espdl import relay
from tvm_espdl.errors import ModelError

pytestmark = pytest.mark.filterwarnings(
    "ignore:no part of the network:tvm_espdl.errors.EspdlWarning"
)
VECTOR = (1, 12)
SEED = 813


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


def padded(values):
    """Each value behind the last one: TVM holds them as constants of one function."""
    names = [f"y{index}" for index in range(len(values))]
    nodes = [
        helper.make_node("Pad", [before, "pads", f"value{index}"], [name])
        for index, (before, name) in enumerate(zip(["x", *names], names, strict=False))
    ]
    kind = (TensorProto.FLOAT, (1, 2 + len(values)))
    constants = {f"value{index}": value for index, value in enumerate(values)}
    shapes = {"x": (1, 2)}
    return network(nodes, {names[-1]: kind}, shapes, pads=np.array([0, 0, 0, 1]), **constants)


def special_floats():
    one, ten = np.float32(1), np.float32(1e10)
    near = [np.nextafter(one, ten), np.nextafter(np.nextafter(one, ten), ten)]
    return np.array([*near, np.inf, -np.inf, np.nan, -0.0, 1e-45, -1e-45, 3.4028235e38], np.float32)


def random_floats():
    bits = np.random.default_rng(SEED).integers(0, 1 << 32, 14, np.uint32)
    values = bits.view(np.float32)
    return values[np.isfinite(values)]


@pytest.mark.parametrize("values", [special_floats(), random_floats()], ids=["special", "random"])
def test_constants_reach_the_c_to_the_bit(values, c_compiler):
    assert len({f"{value:.6e}" for value in special_floats()[:2]}) == 1  # TVM prints them alike.
    library = compiled(padded(values))
    x = np.array([[2, 3]], np.float32)
    ((in_c,),) = run_network(library.program, [[x]], c_compiler)
    wanted = np.concatenate([x[0], values]).view(np.uint32)
    for result in (*library.run([x]), in_c):
        np.testing.assert_array_equal(result.view(np.uint32)[0], wanted, f"seed {SEED}")
    assert project_of(library) == project_of(compiled(padded(values)))


def test_large_constants_are_data(c_compiler):
    bits = np.random.default_rng(SEED).integers(0, 1 << 32, (1, 4096), np.uint32)
    table = np.where(np.isnan(bits.view(np.float32)), np.float32(1), bits.view(np.float32))
    node = helper.make_node("Gather", ["table", "x"], ["y"], axis=1)
    model = network([node], {"y": (TensorProto.FLOAT, (1, 4096))}, table=table)
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.INT64, (4096,)))
    library = compiled(model)
    places = np.random.default_rng(SEED + 1).permutation(4096)
    ((in_c,),) = run_network(library.program, [[places]], c_compiler)
    wanted = table[:, places].view(np.uint32)
    np.testing.assert_array_equal(in_c.view(np.uint32), wanted, f"seed {SEED}")


def test_absolute_values_have_a_function_in_c(c_compiler):
    node = helper.make_node("Abs", ["x"], ["y"])
    library = compiled(network([node], {"y": (TensorProto.FLOAT, VECTOR)}))
    x = vector(7)
    ((in_c,),) = run_network(library.program, [[x]], c_compiler)
    np.testing.assert_array_equal(in_c, np.abs(x))


@pytest.mark.parametrize("dtype", [TensorProto.INT8, TensorProto.UINT8])
def test_memory_that_tvm_sees_as_two_types(dtype, c_compiler):
    node = helper.make_node("Cast", ["x"], ["y"], to=dtype)
    library = compiled(network([node], {"y": (dtype, VECTOR)}))
    x = np.linspace(0, 100, 12, dtype=np.float32).reshape(VECTOR)
    ((in_c,),) = run_network(library.program, [[x]], c_compiler)
    np.testing.assert_array_equal(in_c, x.astype(in_c.dtype))


def test_doubles_in_between_run_in_c(c_compiler):
    nodes = [
        helper.make_node("Cast", ["x"], ["wide"], to=TensorProto.DOUBLE),
        helper.make_node("Mul", ["wide", "factor"], ["product"]),
        helper.make_node("CumSum", ["product", "axis"], ["sums"]),
        helper.make_node("Cast", ["sums"], ["y"], to=TensorProto.FLOAT),
    ]
    factor, axis = np.float64(0.1), np.int32(1)
    library = compiled(network(nodes, {"y": (TensorProto.FLOAT, VECTOR)}, factor=factor, axis=axis))
    x = vector(9)
    ((in_c,),) = run_network(library.program, [[x]], c_compiler)
    np.testing.assert_array_equal(in_c, np.cumsum(x.astype(float) * 0.1, 1).astype(np.float32))


def test_half_precision_is_refused():
    nodes = [
        helper.make_node("Cast", ["x"], ["half"], to=TensorProto.FLOAT16),
        helper.make_node("Cast", ["half"], ["y"], to=TensorProto.FLOAT),
    ]
    library = compiled(network(nodes, {"y": (TensorProto.FLOAT, VECTOR)}))
    with pytest.raises(ModelError, match="values of type float16"):
        project_of(library)


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
    assert [node.defined_by for node in library.report().nodes] == ["TVM", "TVM"]


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
    assert {row.defined_by for row in library.report().rows} == {"ESP-DL"}
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


@pytest.mark.parametrize("first", [3, 4])
def test_a_tensor_without_elements_is_refused(first, tmp_path):
    nodes = [
        helper.make_node("Slice", ["x", "first", "end", "axis"], ["part"]),
        helper.make_node("Neg", ["part"], ["y"]),
    ]
    axis = {"first": np.int64([first]), "end": np.int64([4]), "axis": np.int64([1])}
    library = compiled(network(nodes, {"y": (TensorProto.FLOAT, (1, 4 - first))}, **axis))
    assert library(vector(1)).shape == (1, 4 - first)
    if first == 3:
        assert library.export_project(tmp_path / "project")
        return
    with pytest.raises(ModelError, match=r"tensor 'y': .*without elements.*shape \(1, 0\)"):
        library.export_project(tmp_path / "project")
    assert not (tmp_path / "project").exists()


def test_an_unused_buffer_inside_a_function_compiles(c_compiler):
    """Of the parts that are joined, one has no elements."""
    nodes = [
        helper.make_node("Slice", ["x", "four", "four", "one"], ["part"]),
        helper.make_node("Neg", ["part"], ["none"]),
        helper.make_node("Concat", ["none", "x"], ["y"], axis=1),
    ]
    axis = {"four": np.int64([4]), "one": np.int64([1])}
    library = compiled(network(nodes, {"y": (TensorProto.FLOAT, VECTOR)}, **axis))
    x = vector(2)
    np.testing.assert_array_equal(library(x), x)
    ((result,),) = run_network(library.program, [[x]], c_compiler)
    np.testing.assert_array_equal(result, x)


@pytest.mark.parametrize("function", ["Tanh", "Tan", "Atanh", "Mish", "Sinh", "Asin", "Sigmoid"])
def test_host_and_c_call_the_same_function(function, c_compiler):
    shape = (1, 4096)
    x = np.random.default_rng(SEED).uniform(-0.9, 0.9, shape).astype(np.float32)
    node = helper.make_node(function, ["x"], ["y"])
    model = network([node], {"y": (TensorProto.FLOAT, shape)}, {"x": shape})
    model.opset_import[0].version = 18
    library = compiled(model)
    ((in_c,),) = run_network(library.program, [[x]], c_compiler)
    np.testing.assert_array_equal(library(x).view(np.uint32), in_c.view(np.uint32))
