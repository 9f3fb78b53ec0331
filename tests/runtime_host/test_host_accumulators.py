"""Sums that leave the accumulator: the order of products decides, in lanes and in the remainder."""

import numpy as np
import pytest
from host_cases import BIAS, CHIPS, differences

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.ops.accumulate import must_follow_order


def overflowing(rng, chip, name, dtype, channels):
    """Products of the largest size with random signs, and a bias near the register's ends."""
    depthwise = name == "depthwise_conv2d"
    depth = channels if depthwise else 19
    shape = (channels, 1 if depthwise else depth, 3, 3)
    limits = np.iinfo(dtype)
    x = np.where(rng.random((1, 5, 5, depth)) < 0.5, limits.min, limits.max).astype(dtype)
    w = np.where(rng.random(shape) < 0.4, limits.min, limits.max).astype(dtype)
    w[channels // 2 :: 3] //= 100  # some channels are safe, so that both kinds of loop are built
    lanes = bool(chip.lanes(dtype)) and (depthwise or channels >= chip.lanes(dtype))
    bits = min(chip.accumulator(dtype, in_lanes=lanes).bits, 62)
    edge = (1 << (bits - 1)) - rng.integers(1, 1 << (bits // 2), channels)
    if name == "conv2d" and chip.lanes(dtype):
        remainder = channels // chip.lanes(dtype) * chip.lanes(dtype)
        edge[remainder:] = min(2**39, np.iinfo(BIAS[dtype]).max) - 77
    b = np.where(rng.random(channels) < 0.5, -edge, edge).astype(BIAS[dtype])
    operator = operators()[name](
        x=Tensor(dtype, x.shape, 0),
        w=Tensor(dtype, w.shape, -(bits - 8 if dtype == "int8" else bits - 16)),
        b=Tensor(BIAS[dtype], b.shape, 0),
        y=Tensor(dtype, (1, 5, 5, channels), 0),
        pads=(1, 1, 1, 1),
    )
    return operator, chip, [x, w, b]


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("dtype", BIAS)
@pytest.mark.parametrize("name", ("conv2d", "depthwise_conv2d"))
def test_overflowing_sums(name, dtype, chip):
    rng = np.random.default_rng(1)
    sizes = (3, 8, 16, 21, 40, 53)
    cases = [overflowing(rng, find_chip(chip), name, dtype, n) for n in sizes for _ in range(2)]
    found = differences(cases)
    assert not found, "\n".join(found)


def test_the_cases_need_the_order():
    """Without the clamps the S3 would give other numbers."""
    operator, chip, (x, w, b) = overflowing(
        np.random.default_rng(1), find_chip("esp32s3"), "conv2d", "int8", 40
    )
    needed = must_follow_order(chip, w.transpose(0, 2, 3, 1).reshape(40, -1), b, "int8")
    assert needed[:32].any()
    s3, plain = (operator.reference(find_chip(n), x, w, b) for n in ("esp32s3", "esp32"))
    assert (s3 != plain).any()
