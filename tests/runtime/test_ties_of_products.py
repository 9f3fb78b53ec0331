"""Products that lie between two integers, or a millionth beside: rounded alike by all engines."""

import numpy as np
import pytest
from random_operators import wrong

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.runtime.executor import build
from tvm_espdl.runtime.host.run import program_of
from tvm_espdl.selftest.c_engine import Item, run_c


def pairs(dtype):
    """Products from -60 to 60 of each parity, to be halved and quartered; and large odd ones."""
    small = [(a, b) for a in range(-15, 16) for b in (-4, -3, -1, 1, 2, 3, 4)]
    large = [(a, b) for a in (-127, 125, 127) for b in (-127, -126, 125, 127)]
    return np.array([[*small, *large]], dtype)


@pytest.mark.parametrize("chip", ["esp32", "esp32s3", "esp32p4"])
def test_of_both_widths(chip, c_compiler):
    chip, items = find_chip(chip), []
    for dtype in ("int8", "int16"):
        x = pairs(dtype)
        for exponent in (-1, 0):  # of the product: -2
            reduced = Tensor(dtype, (*x.shape[:2], 1), exponent)
            operator = operators()["reduce_prod"](Tensor(dtype, x.shape, -1), reduced, (2,))
            items.append(Item(operator, chip, (), (x,)))
    expected = [item.operator.reference(chip, *item.inputs) for item in items]
    halves = np.prod(pairs("int16").astype(np.int64), axis=2, keepdims=True) / 2
    to_even = np.rint(halves) if chip.rounding == "half_even" else np.floor(halves + 0.5)
    np.testing.assert_array_equal(expected[2], to_even)
    in_c = run_c(items, compiler=c_compiler)
    programs = [program_of(item.operator, chip, ()) for item in items]
    for item, executor, c, wanted in zip(items, build(programs), in_c, expected, strict=True):
        (host,), _ = executor.run(item.inputs)
        for name, found in (("C", c), ("host", host)):
            assert not wrong(found, wanted, item.operator).any(), (name, item.operator)
