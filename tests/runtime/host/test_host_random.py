"""Host kernels against `reference` on random operators; a failure names its seed."""

import numpy as np
import pytest
from host_cases import CHIPS, differences, one
from random_operators import count, records
from random_operators.draws import integers

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators

RECORDS = 6
SAMPLES = 84  # of each record: one kernel serves them all


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("name", operators())
def test_random_cases(name, chip):
    found = differences(records(name, chip, count(RECORDS), SAMPLES))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("chip", CHIPS)
def test_long_sums_need_wide_registers(chip):
    """Bias and sums beyond 32 bits: they wrap, saturate or fit, as the chip has it."""
    rng = np.random.default_rng(5)
    cases = []
    for dtype, bias, magnitude in (("int8", "int32", 2**31), ("int16", "int64", 2**45)):
        for columns in (3, 16, 21):
            x, w = integers(rng, dtype, (4, 64)), integers(rng, dtype, (64, columns))
            b = (np.array(rng.integers(magnitude - 9999, magnitude, columns)) - 1).astype(bias)
            b[::2] *= -1
            for exponent in (-30, -12, 0):
                tensors = (Tensor(dtype, x.shape, 0), Tensor(dtype, w.shape, exponent))
                y = Tensor(dtype, (4, columns), 0)
                operator = operators()["gemm"](*tensors, Tensor(bias, b.shape, exponent), y)
                cases.append(one(operator, find_chip(chip), [x, w, b]))
    found = differences(cases)
    assert not found, "\n".join(found)
