"""Host kernels against the golden vectors of ESP-DL's own code."""

import numpy as np
import pytest

from tvm_espdl.chips import find_chip
from tvm_espdl.runtime.host import run_operators
from tvm_espdl.selftest.golden import FAMILIES, load, operator_of

CASES = [case for case in load() if operator_of(case) is not None]
INEXACT_STEP = 4e-7


def cases_of(family, name):
    return [c for c in CASES if operator_of(c)[0].name == name and c.expected(family) is not None]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", sorted({operator_of(case)[0].name for case in CASES}))
def test_golden_vectors(family, name):
    cases = cases_of(family, name)
    chip = find_chip(FAMILIES[family])
    runs = []
    for case in cases:
        operator, names = operator_of(case)
        runs.append((operator, chip, [case.arrays[n] for n in names]))
    for case, run, result in zip(cases, runs, run_operators(runs), strict=True):
        expected = case.expected(family)
        if case.inexact:
            np.testing.assert_allclose(result, expected, rtol=INEXACT_STEP, atol=0)
            if run[0].inputs[0].dtype == "int8":
                np.testing.assert_array_equal(result, run[0].reference(chip, *run[2]))
        else:
            np.testing.assert_array_equal(result, expected, err_msg=case.name)
