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


def project_of_a_node(node, sample, result, folder):
    """The project of a float network of one node, from `x` to `y`."""
    graph = helper.make_graph(
        [node],
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, sample.shape)],
        [helper.make_tensor_value_info("y", *result)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.warns(UserWarning, match="no part of the network is quantized"):
        network = relay.build(relay.frontend.from_onnx(model)[0])
    return network.export_project(folder / "project", sample)


@pytest.fixture
def reciprocals(tmp_path):
    """The project of 1/x: two infinities and a subnormal number are among what comes out."""
    node = helper.make_node("Reciprocal", ["x"], ["y"])
    project = project_of_a_node(node, X, (TensorProto.FLOAT, SHAPE), tmp_path)
    header = (project / "main" / "output_data.h").read_text()
    assert array_definition("output_data_y", Y, 0) in header
    return project


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ((1, 0.25), "equal bit for bit"),
        ((1, np.nextafter(np.float32(0.25), np.float32(1))), "equal within a millionth"),
        ((1, 0.25 * (1 + 1e-5)), "2.500000e-1 (bits 0x3e800000), expected 2.50002"),
        ((2, np.inf), "-infinity (bits 0xff800000), expected infinity (bits 0x7f800000)"),
        ((3, np.nan), "2.000000e0 (bits 0x40000000), expected NaN (bits 0x7fc00000)"),
        ((4, 0), "e-39 (bits 0x00244bfa), expected 0.000000e0 (bits 0x00000000)"),
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
    _, first, *rest = done.stdout.splitlines()
    if told.startswith("equal"):
        assert (first, *rest) == (f"output y: 5 elements {told}", "PASS")
    else:
        assert told in first
        at = f"FAIL: output y differs first at [0, {element}], element {element}; 1 of 5 differ"
        assert rest == [at, "FAIL"]


def test_integers_are_told_by_place_and_value(tmp_path, c_compiler):
    """The first of several differences, in an output of three axes."""
    x = np.eye(6, 4, dtype=np.float32).reshape(2, 3, 4)
    node = helper.make_node("ArgMax", ["x"], ["y"], axis=2, keepdims=1)
    project = project_of_a_node(node, x, (TensorProto.INT64, (2, 3, 1)), tmp_path)
    header = project / "main" / "output_data.h"
    assert "0,1,2,3,0,0," in header.read_text()
    header.write_text(header.read_text().replace("0,1,2,3,0,0,", "0,1,2,3,-5000000000LL,9,"))
    build_project(project, tmp_path / "program", c_compiler)
    done = subprocess.run(tmp_path / "program", capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[1:3] == [
        "computed 0, expected -5000000000",
        "FAIL: output y differs first at [1, 1, 0], element 4; 2 of 6 differ",
    ]


def test_nothing_in_it_needs_much_stack(reciprocals, tmp_path, rv32):
    """A task of 4 KB has room for it, and for printf."""
    main = object_files(reciprocals, rv32, tmp_path, ["app_main.c"])["app_main.c"]
    assert max(main.stack.values()) <= 256


def test_main_computes_nothing_in_double(reciprocals, tmp_path, xtensa):
    """The lx106 has no float unit: each operation is a call of a function of libgcc."""
    main = object_files(reciprocals, xtensa, tmp_path, ["app_main.c"])["app_main.c"]
    assert {"__subsf3", "__mulsf3", "printf"} <= main.needed
    assert not [name for name in main.needed if re.match(r"__\w*df", name)]
