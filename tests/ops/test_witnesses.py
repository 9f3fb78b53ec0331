"""Each operator has a witness of its arithmetic, and the witness is what it is said to be."""

from pathlib import Path

import pytest

from tvm_espdl.chips import find_chip
from tvm_espdl.espdl import load
from tvm_espdl.espdl.to_program import program_of
from tvm_espdl.espdl.vectors import differences, inputs_of, outputs_of
from tvm_espdl.ops import operators
from tvm_espdl.program import reference
from tvm_espdl.selftest.witnesses import STORED, witnesses

PAGE = (Path(__file__).parents[2] / "docs" / "operators.md").read_text()
FILES = sorted(set(STORED.values()))
#: What ESP-DL has no kernel of, so that nothing of it could be compared.
OWN = {"abs", "sign"}


def test_nothing_rests_on_reading_alone():
    """An operator that loses its vectors, or comes without any, is named."""
    kinds = {name: witness.kind for name, witness in witnesses().items()}
    assert {name for name, kind in kinds.items() if kind == "own"} == OWN
    assert {name for name, kind in kinds.items() if kind not in ("vectors", "own")} == set()


def test_every_integer_type_of_an_operator_has_vectors():
    """But for resizes, which ESP-DL has for int8 only."""
    for name, witness in witnesses().items():
        if name not in OWN:
            missing = {"int8", "int16"} - {part.split()[-1] for part in witness.detail.split(", ")}
            assert missing == ({"int16"} if name.startswith("resize") else set()), name


def test_files_are_named_where_there_are_some():
    found = witnesses()
    assert {name: w.file for name, w in found.items() if w.file} == dict(STORED)
    assert "a file of Espressif's" in str(found["conv1d"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.split("__")[-1][-40:])
def test_files_have_the_operators_and_their_outputs(models_dir, path):
    file = load(models_dir / path)
    program = program_of(file, find_chip("esp32p4" if "esp32p4" in path else "esp32s3"))
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
