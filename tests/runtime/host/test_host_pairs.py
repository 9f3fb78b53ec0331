"""Operators of two inputs on every pair of int8 values: the host kernels are the references."""

import numpy as np
import pytest
from host_cases import CHIPS, differences, one

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.ops.base.comparison import Comparison
from tvm_espdl.ops.base.registry import declared

INT8 = np.arange(-128, 128).astype(np.int8)
COMPARISONS = tuple(kind.name for kind in declared() if issubclass(kind, Comparison))


def pairs(name, chip, exponents):
    arrays = INT8.reshape(256, 1), INT8.reshape(1, 256)
    kind = "bool" if name in COMPARISONS else "int8"
    y = Tensor(kind, (256, 256), None if kind == "bool" else exponents[2])
    tensors = [Tensor("int8", x.shape, e) for x, e in zip(arrays, exponents[:2], strict=True)]
    return one(operators()[name](*tensors, y), find_chip(chip), arrays)


@pytest.mark.parametrize("chip", CHIPS)
def test_every_pair(chip):
    cases = [pairs(name, chip, (-4, -4, 0)) for name in COMPARISONS]
    for exponents in ((-4, -4, -4), (-5, -3, -3), (2, -6, -5), (-20, 9, -18)):
        cases.append(pairs("mod", chip, exponents))
    for exponents in ((-6, -5, -5), (0, 0, 0), (-5, 0, -3)):
        cases.append(pairs("pow", chip, exponents))
    found = differences(cases)
    assert not found, "\n".join(found)
