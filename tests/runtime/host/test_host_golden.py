"""Host kernels against the golden vectors of ESP-DL's own code."""

import numpy as np
import pytest

from tvm_espdl.chips import FAMILIES, find_chip
from tvm_espdl.runtime.host import run_operators
from tvm_espdl.selftest.builders import operator_of
from tvm_espdl.selftest.golden import load

CASES = [case for case in load() if operator_of(case) is not None]
INEXACT_STEP = 4e-7


@pytest.mark.parametrize("name", sorted({operator_of(case)[0].name for case in CASES}))
def test_golden_vectors(name):
    """All chips in one build: most of their kernels are the same."""
    runs, cases = [], []
    for case in CASES:
        operator, names = operator_of(case)
        for family, chip in FAMILIES.items():
            if operator.name == name and case.expected(family) is not None:
                runs.append((operator, find_chip(chip), [case.arrays[n] for n in names]))
                cases.append((case, family))
    assert runs
    for (case, family), run, result in zip(cases, runs, run_operators(runs), strict=True):
        expected, where = case.expected(family), f"{case.name} on {family}"
        if not case.inexact:
            np.testing.assert_array_equal(result, expected, err_msg=where)
        elif np.issubdtype(expected.dtype, np.integer):
            off = np.abs(result.astype(np.int64) - expected.astype(np.int64))
            assert off.max() <= 1, where
        else:
            np.testing.assert_allclose(result, expected, rtol=INEXACT_STEP, atol=0, err_msg=where)
            if run[0].inputs[0].dtype == "int8":
                np.testing.assert_array_equal(result, run[0].reference(run[1], *run[2]))
