"""How a project's main compares float outputs, and that a chip needs no double for it."""

import re
import subprocess

import numpy as np
import pytest
from object_files import object_files
from onnx import TensorProto, helper

from tvm_espdl import relay
from tvm_espdl.codegen.literals import array_definition
from tvm_espdl.toolchain.network import build_project

SHAPE = (1, 5)
X = np.array([[0, 4, -0.0, 0.5, 3e38]], np.float32)
Y = np.array([[np.inf, 0.25, -np.inf, 2, np.float32(1) / np.float32(3e38)]], np.float32)


@pytest.fixture
def reciprocals(tmp_path):
    """The project of 1/x: two infinities and a subnormal number are among what comes out."""
    graph = helper.make_graph(
        [helper.make_node("Reciprocal", ["x"], ["y"])],
        "test",
        *([helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE)] for name in "xy"),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.warns(UserWarning, match="no part of the network is quantized"):
        network = relay.build(relay.frontend.from_onnx(model)[0])
    project = network.export_project(tmp_path / "project", X)
    header = (project / "main" / "output_data.h").read_text()
    assert array_definition("output_data_y", Y, 0) in header
    return project


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ((1, 0.25), "equal bit for bit"),
        ((1, np.nextafter(np.float32(0.25), np.float32(1))), "equal within a millionth"),
        ((1, 0.25 * (1 + 1e-5)), None),
        ((2, np.inf), None),
        ((3, np.nan), None),
        ((4, 0), None),
    ],
)
def test_floats_may_differ_by_a_millionth(change, told, reciprocals, tmp_path, c_compiler):
    element, number = change
    expected = Y.copy()
    expected[0, element] = number
    header = reciprocals / "main" / "output_data.h"
    definitions = [array_definition("output_data_y", each, 0) for each in (Y, expected)]
    header.write_text(header.read_text().replace(*definitions))
    build_project(reciprocals, tmp_path / "program", c_compiler)
    command = [tmp_path / "program"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    passed = f"output y: 5 elements {told}\nPASS\n"
    failed = f"FAIL: output y differs first at element {element} of 5\nFAIL\n"
    assert done.stdout == (passed if told else failed)


def test_main_computes_nothing_in_double(reciprocals, tmp_path, xtensa):
    """The lx106 has no float unit: each operation is a call of a function of libgcc."""
    main = object_files(reciprocals, xtensa, tmp_path, ["app_main.c"])["app_main.c"]
    assert {"__subsf3", "__mulsf3", "printf"} <= main.needed
    assert not [name for name in main.needed if re.match(r"__\w*df", name)]
