"""Host kernels against the golden vectors of ESP-DL's own code."""

import numpy as np
import pytest

from tvm_espdl.chips import FAMILIES, find_chip
from tvm_espdl.runtime.host import run_operators
from tvm_espdl.selftest.builders import trials_of
from tvm_espdl.selftest.golden import load

TRIALS = [
    (trial, find_chip(chip))
    for case in load()
    for family, chip in FAMILIES.items()
    for trial in trials_of(case, family) or ()
]


@pytest.mark.parametrize("name", sorted({trial.operator.name for trial, _ in TRIALS}))
def test_golden_vectors(name):
    """All chips in one build: most of their kernels are the same."""
    chosen = [(trial, chip) for trial, chip in TRIALS if trial.operator.name == name]
    runs = [(trial.operator, chip, trial.arrays) for trial, chip in chosen]
    for (trial, chip), result in zip(chosen, run_operators(runs), strict=True):
        assert trial.difference(result) == "", f"{trial.name} on {chip.name}"
        if result.dtype == np.float32 and trial.operator.inputs[0].dtype == "int8":
            own = trial.operator.reference(chip, *trial.arrays)
            np.testing.assert_array_equal(result, own)
