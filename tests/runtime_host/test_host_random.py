"""Host kernels against `reference` on random operators; a failure names its seed."""

import zlib

import numpy as np
import pytest
from host_cases import CHIPS, GENERATORS, differences, integers

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators

COUNT = 30
INPUTS = 2  # of each case: one kernel serves them all


def test_every_operator_has_a_generator():
    assert sorted(GENERATORS) == sorted(operators())


def shuffled(rng, operator, chip, arrays):
    """The same case with the elements of its inputs in another order."""
    inputs = len(operator.inputs)
    mixed = [rng.permuted(x.ravel()).reshape(x.shape) for x in arrays[:inputs]]
    return operator, chip, mixed + arrays[inputs:]


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("name", GENERATORS)
def test_random_cases(name, chip):
    seed = zlib.crc32(f"{name} {chip}".encode())
    rng = np.random.default_rng(seed)
    cases = [GENERATORS[name](rng, find_chip(chip)) for _ in range(COUNT)]
    cases += [shuffled(rng, *case) for case in cases * (INPUTS - 1)]
    # The exponentials of 16-bit softmax come from the C library in one engine, NumPy in the other.
    inexact = [name == "softmax" and operator.x.dtype == "int16" for operator, *_ in cases]
    exact = [case for case, off in zip(cases, inexact, strict=True) if not off]
    softmax16 = [case for case, off in zip(cases, inexact, strict=True) if off]
    found = differences(exact)
    if softmax16:
        found += differences(softmax16, tolerance=4e-7)
    assert not found, f"seed {seed}: " + "\n".join(found)


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
                cases.append((operator, find_chip(chip), [x, w, b]))
    found = differences(cases)
    assert not found, "\n".join(found)
