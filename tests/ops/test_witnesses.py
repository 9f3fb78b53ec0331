"""Each operator has a witness of its arithmetic, and the witness is what it is said to be."""

from pathlib import Path

import pytest
from witnesses import FILES as STORED
from witnesses import GOLDEN, HAVE_VECTORS, OWN, WITNESSES

from tvm_espdl.chips import find_chip
from tvm_espdl.espdl import load
from tvm_espdl.espdl.network import network_of
from tvm_espdl.espdl.vectors import differences, inputs_of, outputs_of
from tvm_espdl.ops import operators

PAGE = (Path(__file__).parents[2] / "docs" / "operators.md").read_text()
FILES = sorted(set(STORED.values()))
# Operators that vectors of ESP-DL's own code are witnesses of: one that loses its vectors is seen.
GOLDEN_NAMES = """
add average_pool2d clip concat conv2d depthwise_conv2d dequantize div gemm hard_sigmoid
hard_swish leaky_relu lut matmul max_pool2d mul pad prelu quantize reduce_max reduce_mean
reduce_sum relu requantize resize_linear resize_nearest sigmoid slice softmax sub swish tanh
transpose
"""


def test_vectors_are_of_the_operators_that_are_said_to_have_them():
    assert set(GOLDEN_NAMES.split()) == HAVE_VECTORS
    assert {name for name, witness in WITNESSES.items() if witness == GOLDEN} == HAVE_VECTORS


def test_what_esp_dl_has_no_kernel_for_is_our_own_definition():
    own = {name for name, witness in WITNESSES.items() if witness == OWN}
    assert own.isdisjoint(HAVE_VECTORS | set(STORED))
    assert all(not operators()[name].in_esp_dl() for name in own)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.split("/")[0])
def test_files_have_the_operators_and_their_outputs(models_dir, path):
    file = load(models_dir / path)
    network = network_of(file, find_chip("esp32s3"))
    said = {name for name, witness in WITNESSES.items() if witness == path}
    assert said <= {getattr(call.operator, "name", "") for call in network.calls}
    stored = outputs_of(file)
    assert differences(stored, network.reference(inputs_of(file))) == []
    assert all(array.size for array in stored.values())


def test_every_operator_is_in_the_documentation():
    sections = PAGE.split("\n## ")[1:]
    described = {section.split("\n")[0]: section.split("\n")[2] for section in sections}
    assert sorted(described) == sorted(operators())
    assert all(described.values())
