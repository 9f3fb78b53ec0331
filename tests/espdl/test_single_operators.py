"""Espressif's single-operator models: their stored test outputs come out of every engine.

By default the whole way through `relay.build` is gone by one file for each operator and chip;
TVM_ESPDL_ALL=1 takes all of them.
"""

import os

import numpy as np
import pytest

from tvm_espdl import relay
from tvm_espdl.chips import find_chip
from tvm_espdl.espdl import load
from tvm_espdl.espdl.evidence import find
from tvm_espdl.espdl.to_program import program_of
from tvm_espdl.espdl.vectors import differences, inputs_of, outputs_of
from tvm_espdl.program import Native, reference
from tvm_espdl.runtime.host import run_operators

CHIPS = ("esp32", "esp32p4", "esp32s3")
ALL = os.environ.get("TVM_ESPDL_ALL") == "1"


def files_for(models_dir, chip):
    paths = sorted((models_dir / "espdl-ops").glob(f"{chip}__*.espdl"))
    assert paths
    return paths


@pytest.mark.parametrize("chip", CHIPS)
def test_references_give_the_stored_outputs(models_dir, chip):
    wrong = {}
    for path in files_for(models_dir, chip):
        file = load(path)
        found = reference.outputs(program_of(file, find_chip(chip)), inputs_of(file))
        wrong[path.name] = differences(outputs_of(file), found)
    assert {name: texts for name, texts in wrong.items() if texts} == {}


@pytest.mark.parametrize("chip", CHIPS)
def test_host_kernels_give_the_same_bits(models_dir, chip):
    cases, expected = [], []
    for path in files_for(models_dir, chip):
        file = load(path)
        program = program_of(file, find_chip(chip))
        values = reference.run(program, inputs_of(file))
        for step in program.steps:
            if isinstance(step.operator, Native):
                continue
            arrays = [values[name] for name in step.inputs]
            cases.append((step.operator, program.chip, [*arrays, *step.constants]))
            expected.append((path.name, values[step.outputs[0]]))
    for (name, stored), computed in zip(expected, run_operators(cases), strict=True):
        assert np.array_equal(stored, computed, equal_nan=True), name


# Some of the models hold nothing but a function of floats.
@pytest.mark.filterwarnings("ignore:no part of the network:tvm_espdl.errors.EspdlWarning")
@pytest.mark.parametrize("chip", CHIPS)
def test_libraries_give_the_stored_outputs(models_dir, chip):
    by_operator = {path.name.split("__")[1]: path for path in files_for(models_dir, chip)}
    for path in files_for(models_dir, chip) if ALL else by_operator.values():
        file = load(path)
        mod, params = relay.frontend.from_espdl(path, chip)
        library = relay.build(mod, target=f"espressif/{chip}", params=params)
        assert list(library.input_names) == [value.name for value in file.model.graph.inputs]
        outputs = dict(zip(library.output_names, library.run(inputs_of(file)), strict=True))
        assert differences(outputs_of(file), outputs) == [], path.name


@pytest.mark.parametrize("chip", CHIPS)
def test_evidence_never_names_another_chip(models_dir, chip):
    found = 0
    for path in files_for(models_dir, chip):
        finding = find(load(path))
        found += finding.chip is not None
        assert chip in finding.candidates, path.name
    assert found
