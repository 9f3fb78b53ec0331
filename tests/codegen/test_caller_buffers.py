"""Networks whose inputs and outputs are integers: kernels work in the caller's own buffers."""

import numpy as np
import pytest
from network_in_c import build_with_double, run_network
from networks import by_reference
from onnx import helper, numpy_helper, shape_inference
from qdq_builder import DTYPES, QdqBuilder

from tvm_espdl.codegen.project import project_files
from tvm_espdl.compilation import compile_file
from tvm_espdl.toolchain.compiler import Compiler
from tvm_espdl.toolchain.network import build_project

SEED = 20261129
dtypes = pytest.mark.parametrize("dtype", [np.int8, np.int16])


def model_of(builder, shapes, y):
    """The builder's nodes as a model whose inputs, of these shapes, and output are integers."""
    kind = DTYPES[builder.dtype]
    inputs = [helper.make_tensor_value_info(name, kind, shape) for name, shape in shapes.items()]
    outputs = [helper.make_tensor_value_info(y, kind, None)]
    constants = [numpy_helper.from_array(v, n) for n, v in builder.constants.items()]
    graph = helper.make_graph(builder.nodes, "test", inputs, outputs, constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return shape_inference.infer_shapes(made, strict_mode=True)


def convolution(dtype, channels, *, turned):
    """A convolution of an image; `turned`: the model itself takes its channels to the front."""
    rng = np.random.default_rng(SEED)
    builder = QdqBuilder(dtype)
    x = builder.dequantize("x", -4)
    if turned:
        x = builder.qdq(builder.node("Transpose", x, perm=[0, 3, 1, 2]), -4)
    w = builder.weights(rng.integers(-99, 99, (5, channels, 3, 3)).astype(dtype), -7)
    y = builder.quantize(builder.node("Conv", x, w, pads=[1, 1, 1, 1]), -2)
    shape = [1, 5, 7, channels] if turned else [1, channels, 5, 7]
    return model_of(builder, {"x": shape}, y)


def addition(dtype):
    """y = a + b, of 40 elements; b is reshaped before."""
    builder = QdqBuilder(dtype)
    a, b = builder.dequantize("a", -4), builder.dequantize("b", -4)
    b = builder.qdq(builder.node("Reshape", b, builder.constant(np.array([1, 40]))), -4)
    y = builder.quantize(builder.node("Add", a, b), -4)
    return model_of(builder, {"a": [1, 40], "b": [1, 8, 5]}, y)


@pytest.mark.parametrize(("dtype", "chip"), [(np.int8, "esp32s3"), (np.int16, "esp32p4")])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("turned", [False, True])
def test_images_of_integers(dtype, chip, channels, turned, c_compiler):
    network = compile_file(convolution(dtype, channels, turned=turned), chip)
    program = network.program
    rng = np.random.default_rng(SEED)
    limits = np.iinfo(dtype)
    tensor = program.values[program.inputs[0]]
    assert (tensor.dtype, tensor.exponent) == (np.dtype(dtype).name, -4)
    images = [rng.integers(limits.min, limits.max, tensor.shape).astype(dtype) for _ in range(2)]
    wanted = [by_reference(program, [image])[program.outputs[0]] for image in images]
    assert len(np.unique(wanted[0])) > 9
    for image, expected in zip(images, wanted, strict=True):
        np.testing.assert_array_equal(network(image), expected)
    for kernels in ("portable", "auto"):
        results = run_network(program, [[i] for i in images], c_compiler, kernels=kernels)
        for (result,), expected in zip(results, wanted, strict=True):
            np.testing.assert_array_equal(result, expected)


@dtypes
def test_a_buffer_that_begins_elsewhere_is_refused(dtype, c_compiler, tmp_path):
    """Behind a reshape as well; portable kernels take any buffer that C's types take."""
    program = compile_file(addition(dtype), "esp32s3").program
    kind = f"int{8 * np.dtype(dtype).itemsize}_t"
    zeros = [np.zeros((1, 40), dtype), np.zeros((1, 8, 5), dtype)]
    for path, content in project_files(program, "test", zeros, zeros[:1]).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    header = tmp_path / "components/tvm_model/model/codegen/host/include/tvmgen_default.h"
    assert header.read_text().count("begins at a multiple of 16 bytes") == 3
    assert header.read_text().count(" bytes may be read") == 2
    main, built = tmp_path / "main.c", tmp_path / "program"
    main.write_text(MAIN.format(kind=kind, y=program.output_names[0].lower()))
    build_with_double(tmp_path, built, c_compiler, main, "pie_v1")
    odd = "-2" if dtype == np.int16 else "0"
    assert c_compiler.run(built).split() == ["0", "-2", "-2", "-2", "-1", "-2"]
    build_project(tmp_path, built, c_compiler, main=main)
    assert c_compiler.run(built).split() == ["0", "0", "0", "0", "-1", odd]


def test_floats_at_odd_addresses_are_refused(c_compiler, tmp_path):
    """Chips stop at such an access, and C leaves it undefined."""
    builder = QdqBuilder()
    builder.output(builder.qdq(builder.node("Relu", builder.quantized_input("a", (1, 40))), -4))
    network = compile_file(builder.model(), "esp32c3")
    project = network.export_project(tmp_path / "p")
    header = project / "components/tvm_model/model/codegen/host/include/tvmgen_default.h"
    assert "#define TVMGEN_DEFAULT_INPUT_A_ALIGNMENT 4\n" in header.read_text()
    main, built = tmp_path / "main.c", tmp_path / "program"
    main.write_text(MAIN_OF_FLOATS.format(y=network.program.output_names[0].lower()))
    build_project(project, built, Compiler.sanitized(), main=main)
    assert Compiler.sanitized().run(built).split() == ["0", "-2", "-2", "-2", "-2"]


MAIN_OF_FLOATS = """\
#include "tvmgen_default.h"

#include <stdint.h>
#include <stdio.h>

static float a[41], y[41];

static void run(int in_a, int in_y) {{
  struct tvmgen_default_inputs in = {{.a = (const float *)((uintptr_t)a + (unsigned)in_a)}};
  struct tvmgen_default_outputs out = {{.{y} = (float *)((uintptr_t)y + (unsigned)in_y)}};
  printf("%d\\n", (int)tvmgen_default_run(&in, &out));
}}

int main(void) {{
  run(0, 4);
  run(1, 0);
  run(2, 0);
  run(0, 2);
  run(0, 3);
  return 0;
}}
"""


MAIN = """\
#include "espdl_kernels.h"
#include "tvmgen_default.h"

#include <stdio.h>

static ESPDL_ALIGNED(16) {kind} a[80], b[80], y[80];

static void run(int in_a, int in_b, int in_y) {{
  struct tvmgen_default_inputs in = {{.a = a + in_a, .b = b + in_b}};
  struct tvmgen_default_outputs out = {{.{y} = in_y < 0 ? NULL : y + in_y}};
  printf("%d\\n", (int)tvmgen_default_run(&in, &out));
}}

int main(void) {{
  run(0, 0, 0);
  run(1, 0, 0);
  run(0, 4, 0);
  run(0, 0, 2);
  run(0, 0, -1);
  {{
    struct tvmgen_default_inputs in = {{.a = (const {kind} *)((uintptr_t)a + 1), .b = b}};
    struct tvmgen_default_outputs out = {{.{y} = y}};
    printf("%d\\n", (int)tvmgen_default_run(&in, &out));
  }}
  return 0;
}}
"""
