"""Each operator has a witness of its arithmetic, and the witness is what it is said to be."""

from pathlib import Path

import pytest

from tvm_espdl.chips import find_chip
from tvm_espdl.espdl import load
from tvm_espdl.espdl.to_program import program_of
from tvm_espdl.espdl.vectors import differences, inputs_of, outputs_of
from tvm_espdl.ops import operators
from tvm_espdl.program import reference
from tvm_espdl.selftest.golden import load as vectors
from tvm_espdl.selftest.witnesses import STORED, witnesses

PAGE = (Path(__file__).parents[2] / "docs" / "operators.md").read_text()
FILES = sorted(set(STORED.values()))
#: One that loses its vectors is seen; one that gets some is entered here.
HAVE_VECTORS = """
add average_pool2d clip concat conv2d depthwise_conv2d dequantize div gemm hard_sigmoid
hard_swish leaky_relu lut matmul max_pool2d mul pad prelu quantize reduce_max reduce_mean
reduce_sum relu requantize resize_linear resize_nearest sigmoid slice softmax sub swish tanh
transpose
"""


def test_vectors_are_of_the_operators_that_are_said_to_have_them():
    found = {name for name, witness in witnesses().items() if witness.kind == "vectors"}
    assert found == set(HAVE_VECTORS.split())
    # `clip` is written as other operators have it; each case's own name is one of the index's.
    assert len(vectors()) > 300


def test_every_other_operator_says_what_it_rests_on():
    found = {name: witness for name, witness in witnesses().items() if witness.kind != "vectors"}
    assert set(STORED) == {name for name, w in found.items() if w.kind == "stored outputs"}
    assert all(witness.detail == STORED.get(name, "") for name, witness in found.items())
    assert {w.kind for w in found.values()} <= {"stored outputs", "source", "own"}
    assert found["neg"].kind == "source"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.split("/")[0])
def test_files_have_the_operators_and_their_outputs(models_dir, path):
    file = load(models_dir / path)
    program = program_of(file, find_chip("esp32s3"))
    said = {name for name, stored in STORED.items() if stored == path}
    assert said <= {step.operator.name for step in program.steps}
    stored = outputs_of(file)
    assert differences(stored, reference.outputs(program, inputs_of(file))) == []
    assert all(array.size for array in stored.values())


def test_every_operator_is_in_the_documentation():
    sections = PAGE.split("\n## ")[1:]
    described = {section.split("\n")[0]: section.split("\n")[2] for section in sections}
    assert sorted(described) == sorted(operators())
    assert all(described.values())
