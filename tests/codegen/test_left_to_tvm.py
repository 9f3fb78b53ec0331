"""What falls to TVM: each network is exported and gives its own results in C, or is refused once.

One small network for each kind of operator that ESP-DL has not; nothing ends in a traceback.
"""

import numpy as np
import onnx
import pytest
from network_in_c import run_network
from onnx import TensorProto, helper, numpy_helper

from tvm_espdl.codegen.project import write_project
from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import ModelError

pytestmark = pytest.mark.filterwarnings(
    "ignore:no part of the network:tvm_espdl.errors.EspdlWarning"
)
SEED = 53
RNG = np.random.default_rng(SEED)
F, H, I32, I64 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT32, TensorProto.INT64
BF16 = TensorProto.BFLOAT16
VOLUME, IMAGE, ROW = (1, 4, 3, 4, 5), (1, 4, 5, 6), (1, 8)


def floats(*shape):
    return (RNG.normal(size=shape) * 0.4).astype(np.float32)


def node(operator, inputs, output="y", **attributes):
    return helper.make_node(operator, inputs.split(), [output], **attributes)


def network(nodes, shapes, constants):
    inputs = [helper.make_tensor_value_info(n, t, s) for n, (t, s) in shapes.items()]
    outputs = [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.UNDEFINED, None)]
    tensors = [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()]
    graph = helper.make_graph(nodes, "net", inputs, outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return onnx.shape_inference.infer_shapes(model, strict_mode=True)


#: By name: nodes, inputs, constants.
RUN = {
    "3-D convolution": (
        [node("Conv", "x w b", pads=[1] * 6)], {"x": (F, VOLUME)},
        {"w": floats(3, 4, 3, 3, 3), "b": floats(3)},
    ),
    "3-D groups": (
        [node("Conv", "x w b", group=2)], {"x": (F, VOLUME)},
        {"w": floats(4, 2, 2, 2, 2), "b": floats(4)},
    ),
    "3-D pool": ([node("MaxPool", "x", kernel_shape=[2, 2, 2])], {"x": (F, VOLUME)}, {}),
    "auto_pad": (
        [node("Conv", "x w b", auto_pad="SAME_LOWER", strides=[2, 2])], {"x": (F, IMAGE)},
        {"w": floats(4, 4, 2, 3), "b": floats(4)},
    ),
    "auto_pad of a pool": (
        [node("AveragePool", "x", auto_pad="SAME_UPPER", kernel_shape=[3, 3], strides=[2, 2])],
        {"x": (F, IMAGE)}, {},
    ),
    "transposed convolution": (
        [node("ConvTranspose", "x w b", strides=[2, 2], output_padding=[1, 1])],
        {"x": (F, IMAGE)}, {"w": floats(4, 3, 3, 3), "b": floats(3)},
    ),
    "transposed convolution in groups": (
        [node("ConvTranspose", "x w b", strides=[2, 2], group=2)],
        {"x": (F, IMAGE)}, {"w": floats(4, 2, 3, 3), "b": floats(4)},
    ),
    "integer quotient": ([node("Div", "x z")], {"x": (I32, ROW), "z": (I32, ROW)}, {}),
    "integer remainder": ([node("Mod", "x z")], {"x": (I64, ROW), "z": (I64, ROW)}, {}),
    "integer remainder of C": (
        [node("Mod", "x z", fmod=1)], {"x": (I32, ROW), "z": (I32, ROW)}, {},
    ),
    "sums and places": (
        [node("CumSum", "x a", "s"), node("ArgMax", "s", axis=1)], {"x": (F, (2, 8))},
        {"a": np.int64(1)},
    ),
    "GRU with ReLU": (
        [node("GRU", "x w r", hidden_size=3, activations=["Sigmoid", "Relu"])],
        {"x": (F, (2, 1, 4))}, {"w": floats(1, 9, 4), "r": floats(1, 9, 3)},
    ),
}  # fmt: skip

REFUSED = {
    "sorting": (
        [helper.make_node("TopK", ["x", "k"], ["v", "y"])], {"x": (F, (2, 8))},
        {"k": np.array([3], np.int64)},
    ),
    "float16": (
        [node("Cast", "x", "h", to=H), node("MatMul", "h w", "g"), node("Cast", "g", to=F)],
        {"x": (F, ROW)}, {"w": floats(8, 4).astype(np.float16)},
    ),
    "bfloat16": (
        [node("Cast", "x", "h", to=BF16), node("Cast", "h", to=F)], {"x": (F, ROW)}, {},
    ),
    "integer power": ([node("Pow", "x z")], {"x": (I32, ROW), "z": (I32, ROW)}, {}),
    "a size of values": ([node("NonZero", "x")], {"x": (F, ROW)}, {}),
    "a quotient by a constant 0": (
        [node("Div", "x z")], {"x": (I32, ROW)}, {"z": np.int32(0)},
    ),
}  # fmt: skip


def sample(shapes):
    """Random; of integers, also zeros, and the least of all beside -1."""
    found = []
    for name, (kind, shape) in shapes.items():
        dtype = helper.tensor_dtype_to_np_dtype(kind)
        if dtype.kind == "f":
            found.append((RNG.normal(size=shape) * 2).astype(dtype))
            continue
        array = RNG.integers(-9, 10, shape).astype(dtype)
        array.flat[:2] = (np.iinfo(dtype).min, 5) if name == "x" else (-1, 0)
        found.append(array)
    return found


@pytest.mark.parametrize("name", RUN)
def test_it_runs_in_c(name, c_compiler):
    nodes, shapes, constants = RUN[name]
    library = compile_file(network(nodes, shapes, constants))
    arrays = sample(shapes)
    expected = library.run(arrays)
    # The project's own main has to print PASS on its sample.
    results = run_network(library.program, [arrays], c_compiler, first=expected)
    for result, wanted in zip(results[0], expected, strict=True):
        np.testing.assert_allclose(result, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_once_and_nothing_is_written(name, tmp_path):
    nodes, shapes, constants = REFUSED[name]
    with pytest.raises(ModelError):
        library = compile_file(network(nodes, shapes, constants))
        arrays = library.feed(sample(shapes))
        write_project(library.program, tmp_path / "project", arrays, library.run(arrays))
    assert not (tmp_path / "project").exists()


def test_division_of_integers_is_that_of_onnx():
    """Toward zero, and the remainder with the divisor's sign; by 0 as by 1."""
    x = np.int32([[7, -9, 5, -(2**31), 100, -100, 9, -1]])
    z = np.int32([[2, 4, 0, -1, 7, 7, -4, 3]])
    shapes = {"x": (I32, ROW), "z": (I32, ROW)}
    quotient = compile_file(network([node("Div", "x z")], shapes, {})).run([x, z])[0]
    np.testing.assert_array_equal(quotient, [[3, -2, 5, -(2**31), 14, -14, -2, 0]])
    rest = compile_file(network([node("Mod", "x z")], shapes, {})).run([x, z])[0]
    np.testing.assert_array_equal(rest, [[1, 3, 0, 0, 2, 5, -3, 2]])
