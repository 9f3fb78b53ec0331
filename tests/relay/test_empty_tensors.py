"""Quantized operators on tensors without elements: left to TVM, which runs them on the PC."""

import numpy as np
import pytest
from qdq_builder import QdqBuilder

from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import EspdlWarning


def relu(builder):
    return builder.node("Relu", builder.quantized_input("x", [1, 0, 3]))


def cut(builder):
    """Nothing is left over of two rows."""
    x = builder.quantized_input("x", [1, 2, 3])
    bounds = [builder.constant(np.int64([number])) for number in (2, 2, 1)]
    return builder.node("Relu", builder.qdq(builder.node("Slice", x, *bounds), -4))


@pytest.mark.filterwarnings("ignore:no part of the network has the chip's bits")
@pytest.mark.parametrize("dtype", [np.int8, np.int16])
@pytest.mark.parametrize("network", [relu, cut])
def test_quantized_operators_run(network, dtype):
    builder = QdqBuilder(dtype)
    builder.output(builder.qdq(network(builder), -4))
    library = compile_file(builder.model())
    x = np.zeros((1, 2 if network is cut else 0, 3), np.float32)
    assert library(x).shape == (1, 0, 3)
    assert library.run_with_intermediates(x)


def test_the_warning_does_not_ask_to_quantize():
    builder = QdqBuilder()
    builder.output(builder.qdq(relu(builder), -4))
    with pytest.warns(EspdlWarning, match="though it is quantized: a rule forbids each"):
        library = compile_file(builder.model())
    refused = {reason.refusal.rule for reason in library.report().reasons}
    assert "tensors_have_elements" in refused
