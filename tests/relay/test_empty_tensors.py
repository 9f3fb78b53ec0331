"""Quantized operators on tensors without elements: left to TVM, which runs them on the PC."""

import numpy as np
import pytest
from qdq_builder import QdqBuilder

from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import EspdlWarning

SEED = 25


def relu(builder):
    return builder.node("Relu", builder.quantized_input("x", [1, 0, 3]))


def concatenation(builder):
    """The second of the parts is cut out where nothing is."""
    x = builder.quantized_input("x", [1, 2, 3])
    bounds = [builder.constant(np.int64([number])) for number in (2, 2, 1)]
    nothing = builder.qdq(builder.node("Slice", x, *bounds), -4)
    return builder.node("Concat", builder.qdq(builder.node("Relu", x), -4), nothing, axis=1)


@pytest.mark.filterwarnings("ignore:no part of the network has the chip's bits")
@pytest.mark.parametrize("dtype", [np.int8, np.int16])
@pytest.mark.parametrize("network", [relu, concatenation])
def test_quantized_operators_run(network, dtype):
    builder = QdqBuilder(dtype)
    builder.output(builder.qdq(network(builder), -4))
    library = compile_file(builder.model())
    integers = np.random.default_rng(SEED).integers(-99, 99, library.program.values["x"].shape)
    x = np.float32(integers / 16)
    np.testing.assert_array_equal(library(x), np.maximum(x, 0), err_msg=f"seed {SEED}")
    assert library.run_with_intermediates(x)
    refused = {reason.refusal.rule for reason in library.report().reasons}
    assert "tensors_have_elements" in refused


def test_the_warning_does_not_ask_to_quantize():
    builder = QdqBuilder()
    builder.output(builder.qdq(relu(builder), -4))
    with pytest.warns(EspdlWarning, match="though it is quantized: a rule forbids each"):
        compile_file(builder.model())
