"""Many of TVM's own functions in one network: strict C, buffers in the arena, the host's bits."""

import json

import numpy as np
import pytest
from network_in_c import run_network
from object_files import object_files
from onnx import TensorProto
from qdq_builder import QdqBuilder

from tvm_espdl.compilation import compile_file
from tvm_espdl.toolchain.compiler import Compiler
from tvm_espdl.toolchain.network import MODEL

SEED = 90125
MAPS = (1, 4, 6, 6)
INPUTS = 4
STACK_BYTES = 512


def exact(builder, x, w):
    """What needs no function of the C library; `w` makes random constants."""
    node, constant = builder.node, builder.constant

    def as_float(value):
        return node("Cast", value, to=TensorProto.FLOAT)

    yield as_float(node("ArgMax", x, axis=1))
    yield as_float(node("Equal", x, w(1, 4, 1, 1)))
    yield node("Ceil", x)
    yield node("Round", x)
    yield node("Softsign", x)
    yield node("Clip", x, constant(np.float32(-0.7)), constant(np.float32(1.3)))
    yield node("Mod", x, constant(np.float32(0.75)), fmod=1)
    yield node("Max", x, w(6, 6))
    yield node("Trilu", x)
    yield node("Expand", x, constant(np.array([2, 4, 6, 6])))
    yield node("Pad", x, constant(np.array([0, 0, 1, 2, 0, 0, 2, 1])), mode="reflect")
    yield node("GatherElements", x, constant(np.full(MAPS, 2)), axis=3)
    yield node("ScatterElements", x, constant(np.full(MAPS, 1)), w(*MAPS), axis=2)
    yield node("CumSum", x, constant(np.int32(2)), reverse=1)
    yield node("ReduceMean", x, axes=[2, 3])
    yield node("AveragePool", x, kernel_shape=[3, 3], pads=[1] * 4)
    yield node("MaxPool", x, kernel_shape=[2, 2], dilations=[2, 2])
    yield node("MatMul", x, w(6, 5))
    yield node("Conv", x, w(6, 2, 3, 3), group=2, pads=[1] * 4)
    yield node("ConvTranspose", x, w(4, 2, 3, 3), strides=[2, 2])
    yield node("GridSample", x, w(1, 3, 3, 2))
    yield node("InstanceNormalization", x, w(4), w(4))
    yield node("Resize", x, "", constant(np.float32([1, 1, 2, 1.5])), mode="cubic")
    wide = node("CumSum", node("Cast", x, to=TensorProto.DOUBLE), constant(np.int32(3)))
    yield as_float(node("Cast", wide, to=TensorProto.INT32))
    bytes_ = node("Cast", node("Abs", x), to=TensorProto.UINT8)
    yield as_float(node("BitShift", bytes_, constant(np.uint8([3])), direction="LEFT"))


def calling(builder, x, w):
    """What calls functions of the C library."""
    del w
    for operator in ("Erf", "Sin", "Tan", "Atan", "Softplus"):
        yield builder.node(operator, x)
    yield builder.node("LRN", x, size=3)
    yield builder.node("LogSoftmax", x, axis=1)
    yield builder.node("ReduceLogSumExp", x, axes=[1])


@pytest.fixture(scope="module", params=[exact, calling], ids=lambda make: make.__name__)
def network(request):
    """A convolution on integers; behind it floats, with much that ESP-DL has no kernel for."""
    rng, builder = np.random.default_rng(SEED), QdqBuilder()
    x = builder.quantized_input("x", MAPS)
    w = builder.weights(rng.integers(-128, 128, (4, 4, 1, 1)).astype(np.int8), -8)
    y = builder.qdq(builder.node("Conv", x, w), -4)
    y = builder.node("Sub", y, builder.constant(np.float32(0.1)))
    for output in request.param(
        builder, y, lambda *shape: builder.constant(rng.normal(size=shape).astype(np.float32))
    ):
        builder.output(output)
    library = compile_file(builder.model(opset=17))
    assert [row.kernel for row in library.report().rows].count("tvm") > len(builder.outputs)
    inputs = [[rng.normal(0, 4, MAPS).astype(np.float32)] for _ in range(INPUTS)]
    return library, inputs, 2e-6 if request.param is calling else 0


@pytest.mark.parametrize("by_clang", [False, True])
def test_strict_c_gives_the_host_s_bits(network, by_clang, c_compiler, clang):
    library, inputs, _ = network
    compiler = Compiler.sanitized(clang=by_clang)
    for sample, outputs in zip(inputs, run_network(library.program, inputs, compiler), strict=True):
        for result, wanted in zip(outputs, library.run(sample), strict=True):
            np.testing.assert_array_equal(result.view(np.uint32), wanted.view(np.uint32))


def test_on_emulated_chips(network, rv32, xtensa):
    """The functions of their C library differ from this PC's in the last bits."""
    library, inputs, tolerance = network
    for compiler in (rv32, xtensa):
        for sample, outputs in zip(
            inputs, run_network(library.program, inputs, compiler), strict=True
        ):
            for result, wanted in zip(outputs, library.run(sample), strict=True):
                np.testing.assert_allclose(result, wanted, tolerance, tolerance)


def test_all_memory_is_the_arena(network, rv32, xtensa, tmp_path):
    library, inputs, _ = network
    project = library.export_project(tmp_path / "project", inputs[0][0])
    metadata = json.loads((project / MODEL / "model" / "metadata.json").read_text())
    for compiler in (rv32, xtensa):
        compiled = object_files(project, compiler, tmp_path, ["default_lib1.c"])["default_lib1.c"]
        written = {n: size for n, (size, kind) in compiled.defined.items() if kind in "bBdDC"}
        assert written == {"arena": metadata["arena_bytes"]}
        assert 0 < max(compiled.stack.values()) <= STACK_BYTES
