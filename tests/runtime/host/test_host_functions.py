"""Functions of one value on all int16 values: NumPy, host library and C have the same bits."""

import numpy as np
import pytest

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor
from tvm_espdl.ops.base.function import FloatFunction
from tvm_espdl.ops.base.pointwise import Pointwise
from tvm_espdl.ops.base.registry import declared
from tvm_espdl.runtime.host import run_operators
from tvm_espdl.selftest.c_engine import Item, run_c

ALL = np.arange(-32768, 32768).astype(np.int16)
FUNCTIONS = [
    kind for kind in declared() if kind.name and issubclass(kind, (FloatFunction, Pointwise))
]
EXPONENTS = ((-12, -15), (-12, -12), (-9, -13), (-5, -13), (0, -8))


def cases(chip):
    records = [
        kind(Tensor("int16", ALL.shape, x), Tensor("int16", ALL.shape, y))
        for kind in FUNCTIONS
        for x, y in EXPONENTS
    ]
    return records, [record.reference(chip, ALL) for record in records]


def assert_same(records, results, expected):
    for record, result, wanted in zip(records, results, expected, strict=True):
        np.testing.assert_array_equal(result, wanted, err_msg=record.to_json())


@pytest.mark.parametrize("name", ("esp32s3", "esp32p4"))
def test_host(name):
    chip = find_chip(name)
    records, expected = cases(chip)
    assert_same(records, run_operators([(r, chip, [ALL]) for r in records]), expected)


@pytest.mark.parametrize("name", ("esp32s3", "esp32p4"))
def test_c(name, c_compiler):
    chip = find_chip(name)
    records, expected = cases(chip)
    items = [Item(record, chip, (), (ALL,)) for record in records]
    assert_same(records, run_c(items, compiler=c_compiler), expected)
