"""Sums that leave the accumulator: the order of products decides, in lanes and in the remainder."""

import numpy as np
import pytest
from host_cases import CHIPS, differences, one
from random_operators.draws import BIAS
from random_operators.weighted import overflowing

from tvm_espdl.chips import find_chip
from tvm_espdl.ops.base.accumulate import must_follow_order


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("dtype", BIAS)
@pytest.mark.parametrize("name", ("conv2d", "depthwise_conv2d"))
def test_overflowing_sums(name, dtype, chip):
    rng = np.random.default_rng(1)
    cases = []
    for channels in (3, 8, 16, 21, 40, 53):
        for _ in range(2):
            operator, inputs, constants = overflowing(rng, find_chip(chip), name, dtype, channels)
            cases.append(one(operator, find_chip(chip), [*inputs, *constants]))
    found = differences(cases)
    assert not found, "\n".join(found)


def test_the_cases_need_the_order():
    """Without the clamps the S3 would give other numbers."""
    operator, (x,), (w, b) = overflowing(
        np.random.default_rng(1), find_chip("esp32s3"), "conv2d", "int8", 40
    )
    needed = must_follow_order(
        find_chip("esp32s3"), w.transpose(0, 2, 3, 1).reshape(40, -1), b, "int8"
    )
    assert needed[:32].any()
    s3, plain = (operator.reference(find_chip(n), x, w, b) for n in ("esp32s3", "esp32"))
    assert (s3 != plain).any()
