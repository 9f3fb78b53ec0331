"""The identity of a network: equal for equal networks in every process, different for others."""

import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from qdq_builder import QdqBuilder

from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import EspdlWarning
from tvm_espdl.program.identity import identity

SHAPE = [1, 6]
SCRIPT = """
import sys, warnings
warnings.simplefilter("ignore")
from tvm_espdl.compilation import compile_file
from tvm_espdl.program.identity import identity
print(identity(compile_file(sys.argv[1]).program))
"""


def leaky_relu(alpha):
    """A float network, which TVM compiles itself."""
    node = helper.make_node("LeakyRelu", ["x"], ["y"], alpha=alpha)
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 5]) for name in "xy")
    graph = helper.make_graph([node], "g", [x], [y])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def identity_of(alpha):
    with pytest.warns(EspdlWarning):
        return identity(compile_file(leaky_relu(alpha)).program)


def test_the_bodies_of_functions_of_tvm_count():
    assert identity_of(0.1) != identity_of(0.9)
    assert identity_of(0.1) != identity_of(0.1 + 1e-8)


def floats(nodes, inputs, outputs, dtype=TensorProto.FLOAT, shape=SHAPE, **constants):
    """A network of `(operator, operand, ..., result)`, whose inputs and outputs are of one type."""
    ends = [
        [helper.make_tensor_value_info(name, dtype, shape) for name in names]
        for names in (inputs, outputs)
    ]
    made = [helper.make_node(kind, operands, [result]) for kind, *operands, result in nodes]
    arrays = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(made, "g", *ends, arrays)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def kept(first, second):
    """Two constants that leave as they are."""
    nodes = [("Identity", "k", "p"), ("Identity", "l", "q"), ("Neg", "x", "y")]
    model = floats(nodes, "x", "y", k=first, l=second)
    for name, array in (("p", first), ("q", second)):
        info = helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape)
        model.graph.output.append(info)
    return model


SIX = np.arange(6, dtype=np.float32)
COPY = [("Identity", "x", "y")]
NEAR = {
    "order of outputs": [
        floats([("Neg", "x", "y"), ("Abs", "x", "z")], "x", order) for order in ("yz", "zy")
    ],
    "order of inputs": [floats([("Sub", "p", "q", "y")], order, "y") for order in ("pq", "qp")],
    "which input leaves": [floats([("Identity", n, "y")], "xz", "y") for n in "xz"],
    "a result that stays inside": [
        floats([("Neg", "x", "y"), ("Abs", "y", "z")], "x", outputs) for outputs in ("yz", "z")
    ],
    "shapes without steps": [floats(COPY, "x", "y", shape=shape) for shape in ([1, 6], [1, 3, 2])],
    "types without steps": [
        floats(COPY, "x", "y", dtype) for dtype in (TensorProto.FLOAT, TensorProto.INT32)
    ],
    "shapes of constants": [kept(SIX.reshape(shape), SIX) for shape in ((2, 3), (3, 2))],
    "where a constant ends": [kept(SIX[:end], SIX[end:]) for end in (2, 4)],
}


@pytest.mark.filterwarnings("ignore::tvm_espdl.errors.EspdlWarning")
@pytest.mark.parametrize("what", NEAR)
def test_networks_that_differ_a_little_are_two(what):
    one, other = (identity(compile_file(model).program) for model in NEAR[what])
    assert one != other


def test_equal_networks_are_one_in_every_process(tmp_path):
    onnx.save(leaky_relu(0.1), tmp_path / "model.onnx")
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "model.onnx")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == identity_of(0.1) == identity_of(0.1)


@pytest.mark.parametrize(
    ("chip", "name"),
    [
        ("esp32s3", "d98ef98f2a206b87"),
        ("esp32p4", "2d4fdc6adbb7a16a"),
        ("esp32", "d7c6d4c2f5f643c6"),
    ],
)
def test_firmware_that_was_made_earlier_keeps_its_name(chip, name):
    """Names of an ordinary network as version 0.1 gave them: logs and projects hold them."""
    builder = QdqBuilder()
    x = builder.quantized_input("x", (1, 3, 6, 6))
    weights = np.arange(4 * 3 * 3 * 3, dtype=np.int8).reshape(4, 3, 3, 3)
    y = builder.qdq(builder.node("Conv", x, builder.weights(weights, -7)), -3)
    builder.output(builder.qdq(builder.node("Relu", y), -3))
    assert identity(compile_file(builder.model(), chip).program) == name
