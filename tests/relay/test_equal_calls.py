"""Calls that are equal but for their names keep them: in reports, values, dumps and C."""

import numpy as np
import pytest
from projects import project_of
from qdq_builder import QdqBuilder

from tvm_espdl import debug, relay
from tvm_espdl.toolchain.network import build_project

SHAPE = (1, 16)
STEP = 2.0**-4


@pytest.fixture(scope="module")
def network():
    """relu(left) - relu(right): both inputs, and both functions, are of one type and exponent."""
    builder = QdqBuilder()
    left, right = (builder.quantized_input(name, SHAPE) for name in ("left", "right"))
    positive = [builder.node("Relu", tensor) for tensor in (left, right)]
    difference = builder.node("Sub", *(builder.qdq(tensor, -4) for tensor in positive))
    builder.output(builder.qdq(difference, -4))
    return relay.build(relay.frontend.from_onnx(builder.model())[0]), positive


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(11)
    integers = {name: rng.integers(-128, 128, SHAPE) for name in ("left", "right")}
    return integers, {n: (array * STEP).astype(np.float32) for n, array in integers.items()}


def test_intermediates_have_their_own_names_and_values(network, sample):
    library, positive = network
    integers, given = sample
    values = library.run_with_intermediates(**given)
    assert [name for name in values if name.endswith("_2")] == []
    for name, tensor in zip(("left", "right"), positive, strict=True):
        assert values[name].dtype == values[tensor].dtype == np.int8
        np.testing.assert_array_equal(values[name], integers[name])
        np.testing.assert_array_equal(values[tensor], np.maximum(integers[name], 0))


def test_report_names_both(network):
    library, positive = network
    report = library.report()
    assert [row.tensor for row in report.added[:2]] == ["left", "right"]
    rows = {node.tensor: node for node in report.nodes}
    for tensor in positive:
        assert rows[tensor].defined_by == "ESP-DL"
        assert rows[tensor].call.tensor == tensor
        assert not rows[tensor].fused


def test_c_and_its_dump_name_both(network, sample, tmp_path, c_compiler):
    library, positive = network
    _, given = sample
    folder = library.export_project(tmp_path / "project", sample_input=given)
    files = {path.name: text for path, text in project_of(library, given).items()}
    for name in ("left", "right"):
        assert f"*{name};".encode() in files["tvmgen_default.h"]
        assert f'"{name}", "int8"'.encode() in files["default_lib1.c"]
    build_project(folder, tmp_path / "program", c_compiler, defines=["TVM_ESPDL_DUMP"])
    log = tmp_path / "log.txt"
    log.write_text(c_compiler.run(tmp_path / "program"))
    assert debug.compare(library, log)  # whose inputs are those of the dump
    assert set(debug.read_dump(log).tensors) >= {"left", "right", *positive}


def test_a_difference_is_named_where_it_is(network, sample):
    library, positive = network
    _, given = sample
    values = library.run_with_intermediates(**given)
    damaged = values[positive[1]].copy()
    damaged[0, 3] ^= 1
    result = debug.compare(library, values | {positive[1]: damaged}, inputs=list(given.values()))
    assert not result
    assert result.first.tensor == positive[1]
