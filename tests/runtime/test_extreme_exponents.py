"""Conversions where the exponent of a float ends: beyond the rules, all engines agree on them."""

import numpy as np
import pytest

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.runtime.host import run_operators
from tvm_espdl.selftest.c_engine import Item, run_c

EXPONENTS = (-127, -126, -125, -124, -112, -111, 110, 111, 112, 125, 126, 127)


def items_of(chip):
    rng = np.random.default_rng(3)
    for dtype in ("int8", "int16"):
        limits = np.iinfo(dtype)
        integers = np.array([limits.min, -3, -1, 0, 1, 2, 3, 77, limits.max], dtype)
        for exponent in EXPONENTS:
            held, real = Tensor(dtype, (1, 9), exponent), Tensor("float32", (1, 9))
            beside = rng.choice([0, 0.5, 0.25], 9)
            beside[3] = 0.75  # of 0: a denormal number at the lowest exponents
            values = np.ldexp(integers.astype(np.float64) + beside, exponent)
            with np.errstate(over="ignore"):
                floats = values.astype(np.float32).reshape(1, 9)
            yield Item(operators()["dequantize"](held, real), chip, (), (integers.reshape(1, 9),))
            yield Item(operators()["quantize"](real, held), chip, (), (floats,))
        # Scales below the least normal float: of the largest ones a step or two is left.
        largest = np.float32([[-3.4e38, -2.6e38, -1.7e38, 0, 1e-45, 1.7e38, 2.55e38, 2.6e38, 3e38]])
        for exponent in (127, 128, 129):
            held = Tensor(dtype, (1, 9), exponent)
            yield Item(operators()["quantize"](real, held), chip, (), (largest,))


@pytest.mark.parametrize("chip", ["esp32", "esp32s3", "esp32p4"])
def test_all_engines_agree(chip, c_compiler):
    items = [*items_of(find_chip(chip))]
    in_c = run_c(items, compiler=c_compiler)
    on_host = run_operators([(item.operator, item.chip, item.inputs) for item in items])
    for item, c, host in zip(items, in_c, on_host, strict=True):
        with np.errstate(all="ignore"):
            wanted = item.operator.reference(item.chip, *item.inputs)
        for name, found in (("C", c), ("host", host)):
            np.testing.assert_array_equal(found, wanted, err_msg=f"{name}: {item.operator}")
