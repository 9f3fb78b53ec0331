"""The nets under the importer: types compared with ONNX's, and `verify` beside onnxruntime."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from tvm import relax

from tvm_espdl.cli import main
from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import ModelError
from tvm_espdl.relay.frontend import converters, from_onnx

pytestmark = pytest.mark.filterwarnings("ignore:no part of the network")


def network(nodes, shape, constants=(), kind=TensorProto.FLOAT, opset=18):
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", kind, None)],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in dict(constants).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 8
    return model


def node(*arguments, **attributes):
    return helper.make_node(*arguments, **attributes)


CHAIN = network(
    [
        node("Abs", ["x"], ["a"], name="first"),
        node("Relu", ["a"], ["b"], name="second"),
        node("Softmax", ["b"], ["y"], name="third"),
    ],
    [1, 8],
)


def test_a_right_import_is_verified(tmp_path, capsys):
    from_onnx(CHAIN, verify=True)
    path = tmp_path / "chain.onnx"
    path.write_bytes(CHAIN.SerializeToString())
    assert main(["check", str(path), "--verify", "--as_is"]) == 0
    assert "verified" in capsys.readouterr().err


def test_the_first_node_that_differs_is_named(monkeypatch):
    monkeypatch.setitem(converters.CONVERTERS, "Relu", lambda n: relax.op.multiply(n.x, n.x))
    from_onnx(CHAIN)  # nobody asked
    with pytest.raises(
        ModelError, match=r"node 'second' \(Relu\), tensor 'b'.* something else than onnxruntime"
    ):
        from_onnx(CHAIN, verify=True)


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (lambda n: relax.op.expand_dims(n.x, 0), r"the shape \(1, 1, 8\)"),
        (lambda n: relax.op.astype(n.x, "float64"), "float64"),
    ],
)
def test_other_shapes_and_types_than_onnx_has_are_refused(monkeypatch, wrong, found):
    monkeypatch.setitem(converters.CONVERTERS, "Relu", wrong)
    with pytest.raises(ModelError, match=f"misreads Relu; found: {found}"):
        from_onnx(CHAIN)


def test_types_that_nothing_computes_with_are_refused():
    graph = helper.make_graph(
        [node("Cast", ["x"], ["y"], to=TensorProto.FLOAT8E4M3FN)],
        "eighths",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT8E4M3FN, [4])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)])
    with pytest.raises(ModelError, match=r"tensor 'y': a tensor has a type.* float8e4m3fn"):
        from_onnx(model)


def resize(scale, **attributes):
    constants = {"s": np.array([1, 1, scale, scale], np.float32)}
    return network([node("Resize", ["x", "", "s"], ["y"], **attributes)], [1, 2, 7, 6], constants)


MODES = ("half_pixel", "asymmetric", "pytorch_half_pixel")
RESIZES = [
    resize(scale, mode=mode, coordinate_transformation_mode=how)
    for scale in (1.7, 0.6)
    for mode in ("nearest", "linear")
    for how in MODES[: 3 if scale > 1 else 1]
]


def clip(low, high, kind):
    limits = {"lo": np.array(low, kind), "hi": np.array(high, kind)}
    given = {name: value for name, value in limits.items() if value is not None}
    return network(
        [node("Clip", ["x", *given], ["y"])],
        [1, 6],
        given,
        helper.np_dtype_to_tensor_dtype(np.dtype(kind)),
    )


OTHERS = [
    clip(2, -1, np.float32),
    clip(-1, 2, np.int8),
    clip(2, -1, np.int32),
    network([node("Clip", ["x", "", "hi"], ["y"])], [1, 6], {"hi": np.array(0.5, np.float32)}),
    network([node("Softplus", ["x"], ["y"])], [1, 6], (), TensorProto.FLOAT16),
    network([node("SpaceToDepth", ["x"], ["y"], blocksize=2)], [1, 2, 4, 6]),
    network(
        [node("ReduceMax", ["x", "a"], ["m"]), node("ReduceMin", ["m", "b"], ["y"])],
        [1, 4, 6],
        {"a": np.array([1], np.int64), "b": np.array([2], np.int64)},
    ),
]


@pytest.mark.parametrize("model", RESIZES + OTHERS, ids=lambda model: model.graph.node[0].op_type)
def test_operators_that_importers_misread(model):
    value = model.graph.input[0].type.tensor_type
    kind = helper.tensor_dtype_to_np_dtype(value.elem_type)
    shape = [dim.dim_value for dim in value.shape.dim]
    x = (3 * np.random.default_rng(5).normal(size=shape)).astype(kind)
    (expected,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    (found,) = compile_file(model).run([x])
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(
        found, expected, rtol=2e-3 if kind == np.float16 else 1e-4, atol=1e-5
    )


@pytest.mark.parametrize(("reduction", "infinite"), [("ReduceMax", -np.inf), ("ReduceMin", np.inf)])
def test_extremes_of_infinities(reduction, infinite):
    model = network([node(reduction, ["x"], ["y"], keepdims=1)], [2, 3])
    assert compile_file(model).run([np.full((2, 3), infinite, np.float32)])[0] == infinite
