"""TVM's own executable of a library: the same bits, from the kernels that are built already."""

import copy
import pickle
import platform
import re

import numpy as np
import pytest
import tvm
from onnx import TensorProto, helper, numpy_helper
from qdq_builder import QdqBuilder
from tvm import relax, relay

from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import EspdlWarning, ModelError
from tvm_espdl.relay import pipeline


def partly_quantized(seed=3):
    """Operators of ESP-DL, a sine, operators again; the sine's input is an output as well."""
    rng = np.random.default_rng(seed)
    builder = QdqBuilder()
    x = builder.quantized_input("x", [1, 3, 6, 6])
    w = builder.weights(rng.integers(-128, 128, (4, 3, 3, 3)).astype(np.int8), -7)
    y = builder.qdq(builder.node("Conv", x, w), -4)
    sine = builder.qdq(builder.node("Sin", y), -7)
    builder.output(builder.qdq(builder.node("Relu", sine), -7))
    builder.output(y)
    return builder.model()


def nonzero():
    """The size of its result depends on values."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 5])
    y = helper.make_tensor_value_info("y", TensorProto.INT64, [2, None])
    graph = helper.make_graph([helper.make_node("NonZero", ["x"], ["y"])], "g", [x], [y])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def nonzero_of_products():
    """The same of a product of matrices, which nothing quantizes."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 64])
    y = helper.make_tensor_value_info("y", TensorProto.INT64, [2, None])
    weights = np.random.default_rng(5).normal(0, 1, (64, 64)).astype(np.float32)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["z"]), helper.make_node("NonZero", "z", "y")]
    graph = helper.make_graph(nodes, "g", [x], [y], [numpy_helper.from_array(weights, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def run(module, *arrays):
    machine = relax.VirtualMachine(module, tvm.cpu())
    result = machine["main"](*map(tvm.runtime.tensor, arrays))
    return [tensor.numpy() for tensor in ([result] if hasattr(result, "numpy") else result)]


@pytest.fixture(scope="module")
def library():
    return compile_file(partly_quantized())


@pytest.fixture
def x():
    return np.random.default_rng(4).normal(0, 3, (1, 3, 6, 6)).astype(np.float32)


def test_the_machine_gives_the_librarys_bits(library, x):
    assert len(library.executor.segments) == 3
    for actual, wanted in zip(run(library.executable, x), library.run([x]), strict=True):
        np.testing.assert_array_equal(actual, wanted)


def test_the_kernels_are_not_compiled_again(library):
    """The machine takes the modules as they are, the executor's among them."""
    assert library.executable.jit() is library.executable.mod
    assert library.executor.module in list(library.executable.mod.imports)


def test_an_exported_library_gives_the_same_bits(library, x, tmp_path, c_compiler):
    library.export_library(tmp_path / "net.so")
    loaded = tvm.runtime.load_module(str(tmp_path / "net.so"))
    for actual, wanted in zip(run(loaded, x), library.run([x]), strict=True):
        np.testing.assert_array_equal(actual, wanted)


def test_a_network_without_a_program_still_runs_in_the_machine():
    with pytest.warns(EspdlWarning):
        library = compile_file(nonzero())
    with pytest.raises(ModelError, match="depends on values"):
        library.run([np.zeros((1, 5), np.float32)])
    found = run(library.executable, np.array([[0, 3, 0, 0, 5]], np.float32))
    np.testing.assert_array_equal(found[0], [[0, 0], [1, 4]])


@pytest.mark.parametrize("door", [relay.build, relax.build])
def test_what_is_left_to_tvm_fuses_no_products_on_aarch64(monkeypatch, door):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    mod, params = relay.frontend.from_onnx(nonzero_of_products())
    config = pipeline._config("esp32s3") | {"mtriple": "aarch64-linux-gnu"}
    with pytest.warns(EspdlWarning):
        found = door(mod, target=tvm.target.Target(config), params=params)
    executable = found if door is relax.build else found.executable
    code = "".join(part.inspect_source("asm") for part in executable.mod.imports)
    assert re.search(r"\bfmul\b", code)
    assert not re.search(r"\bf(n?madd|n?msub|mla|mls)\b", code)


@pytest.mark.parametrize("door", ["relay.build", "relax.build", "tvm.compile", "compile_file"])
def test_the_warning_of_a_float_network_points_at_the_users_line(door):
    mod, target = relay.frontend.from_onnx(nonzero())[0], tvm.target.Target("espdl")
    build = {
        "relay.build": lambda: relay.build(mod),
        "relax.build": lambda: relax.build(mod, target),
        "tvm.compile": lambda: tvm.compile(mod, target),
        "compile_file": lambda: compile_file(nonzero()),
    }[door]
    with pytest.warns(EspdlWarning, match="no part of the network is quantized") as caught:
        build()
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("run_before", [False, True])
@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_library_stays_in_its_process(way, run_before):
    library = compile_file(partly_quantized())
    if run_before:
        library(np.zeros((1, 3, 6, 6), np.float32))
    with pytest.raises(ModelError, match=r"pickled or copied.*export_library"):
        way(library)
