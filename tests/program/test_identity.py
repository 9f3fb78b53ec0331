"""The identity of a network: equal for equal networks in every process, different for others."""

import subprocess
import sys

import onnx
import pytest
from onnx import TensorProto, helper

from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import EspdlWarning
from tvm_espdl.program.identity import identity

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


def test_equal_networks_are_one_in_every_process(tmp_path):
    onnx.save(leaky_relu(0.1), tmp_path / "model.onnx")
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "model.onnx")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == identity_of(0.1) == identity_of(0.1)
