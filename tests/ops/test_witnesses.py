"""Each operator has a witness of its arithmetic, and the witness is what it is said to be."""

from pathlib import Path

import pytest
from witnesses import GOLDEN, SOURCE, WITNESSES

from tvm_espdl.chips import find_chip
from tvm_espdl.espdl import load
from tvm_espdl.espdl.to_program import program_of
from tvm_espdl.espdl.vectors import differences, inputs_of, outputs_of
from tvm_espdl.ops import operators
from tvm_espdl.program import reference
from tvm_espdl.selftest import golden
from tvm_espdl.selftest.builders import operator_of

PAGE = (Path(__file__).parents[2] / "docs" / "operators.md").read_text()
FILES = sorted(set(WITNESSES.values()) - {GOLDEN, SOURCE})


def test_every_operator_has_a_witness():
    assert sorted(WITNESSES) == sorted(operators()), "tests/ops/witnesses.py: one line for each"


def test_golden_vectors_are_where_they_are_said_to_be():
    built = (operator_of(case) for case in golden.load())
    assert {operator.name for operator, _ in filter(None, built)} == {
        name for name, witness in WITNESSES.items() if witness == GOLDEN
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.split("/")[0])
def test_files_have_the_operators_and_their_outputs(models_dir, path):
    file = load(models_dir / path)
    program = program_of(file, find_chip("esp32s3"))
    said = {name for name, witness in WITNESSES.items() if witness == path}
    assert said <= {step.operator.name for step in program.steps}
    stored = outputs_of(file)
    assert differences(stored, reference.outputs(program, inputs_of(file))) == []
    assert all(array.size for array in stored.values())


def test_every_operator_is_in_the_documentation():
    sections = PAGE.split("\n## ")[1:]
    described = {section.split("\n")[0]: section.split("\n")[2] for section in sections}
    assert sorted(described) == sorted(operators())
    assert all(described.values())
