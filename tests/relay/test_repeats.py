"""Expand and Tile along several axes are integers that are repeated, as onnxruntime has them."""

import numpy as np
import pytest
from network_in_c import run_network
from qdq_builder import QdqBuilder

from tvm_espdl.compilation import compile_file
from tvm_espdl.onnx_graphs.session import open_session, run_session

CASES = [
    ("Expand", (1, 2, 1, 4), (3, 2, 5, 4), "int8"),
    ("Expand", (2, 1, 5), (3, 2, 3, 1), "int16"),
    ("Expand", (2, 5), (1, 1, 2, 5), "int8"),
    ("Tile", (1, 2, 3), (2, 3, 2), "int16"),
    ("Tile", (2, 3), (1, 1), "int8"),
]


@pytest.mark.parametrize(("kind", "shape", "numbers", "dtype"), CASES)
def test_integers_are_repeated(kind, shape, numbers, dtype, c_compiler):
    builder, exponent = QdqBuilder(np.dtype(dtype).type), -4 if dtype == "int8" else -10
    x = builder.qdq(builder.input("x", shape), exponent)
    result = builder.node(kind, x, builder.constant(np.array(numbers, np.int64)))
    builder.output(builder.qdq(result, exponent))
    model = builder.model(21)
    library = compile_file(model, "esp32p4")
    operators = {step.operator.name for step in library.program.steps}
    assert operators <= {"quantize", "reshape", "gather", "dequantize"}
    array = np.random.default_rng(5).normal(0, 3, shape).astype(np.float32)
    (expected,) = run_session(open_session(model, "it"), None, {"x": array}, "it")
    y = library(array)
    assert np.array_equal(y, expected)
    ((found,),) = run_network(library.program, [library.feed([array])], c_compiler)
    assert np.array_equal(found, y)
