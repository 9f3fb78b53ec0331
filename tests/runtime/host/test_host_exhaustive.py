"""All inputs of the 8-bit operators, ties of every shift, and the corners of float rounding."""

import numpy as np
import pytest
from host_cases import CHIPS, differences, one

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators

ALL_INT8 = np.arange(-128, 128, dtype=np.int8)
ALL_INT16 = np.arange(-32768, 32768).astype(np.int16)


def unary(name, x, target, x_exponent, y_exponent, *fields):
    tensors = (Tensor(str(x.dtype), x.shape, x_exponent), Tensor(target, x.shape, y_exponent))
    return operators()[name](*tensors, *fields)


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("x", (ALL_INT8, ALL_INT16), ids=("int8", "int16"))
def test_every_input_of_unary_operators(x, chip):
    dtype = str(x.dtype)
    cases = [unary("dequantize", x, "float32", -5, None)]
    for change in (-20, -8, -3, -1, 0, 1, 2, 5, 9, 16, 20, 33, 70):
        cases.append(unary("requantize", x, "int8", 0, change))
        cases.append(unary("requantize", x, "int16", 0, change))
        cases.append(unary("relu", x, dtype, -4, -4 + change))
        cases.append(unary("clip", x, dtype, -4, -4 + change, -77, 100))
    if dtype == "int8":
        cases += [unary("softmax", x, "float32", e, None) for e in (-7, -3, 0, 1)]
    found = differences([one(c, find_chip(chip), [x]) for c in cases])
    assert not found, "\n".join(found)


@pytest.mark.parametrize("chip", CHIPS)
def test_ties_of_sums(chip):
    """Each sum is `w`, the shift makes it a half: 1x1 gemm with every int16 weight."""
    unit = np.ones((1, 1), np.int16)
    cases = []
    for shift in (0, 1, 2, 7, 15, 16):
        w = ALL_INT16[None]
        operator = operators()["gemm"](
            Tensor("int16", (1, 1), 0),
            Tensor("int16", w.shape, -shift),
            None,
            Tensor("int16", w.shape, 0),
        )
        cases.append(one(operator, find_chip(chip), [unit, w]))
    found = differences(cases)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("chip", CHIPS)
def test_quantize_corners(chip):
    near = np.float32([0.5, 1.5, 2.5, 126.5, 127.5, 128.5, 32766.5, 32767.5, 1e-40, 3e38])
    values = np.concatenate([near, np.nextafter(near, np.float32(0)), np.nextafter(near, np.inf)])
    special = np.float32([0.0, np.inf, np.nan])
    signalling = np.uint32([0x7F800001, 0xFFA00000]).view(np.float32)
    x = np.concatenate([values, -values, special, -special, signalling])
    assert x.dtype == np.float32 and np.isnan(x[-2:]).all()
    cases = [
        one(unary("quantize", x, dtype, None, exponent), find_chip(chip), [x])
        for dtype in ("int8", "int16")
        for exponent in (-3, 0, 2)
    ]
    found = differences(cases)
    assert not found, "\n".join(found)
