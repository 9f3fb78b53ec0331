"""Products of two computed matrices on every path of instructions, bit for bit."""

import numpy as np
import pytest
from host_cases import one
from product_cases import CHIPS, PATH_NAMES, assert_equal, integers, seeded, target_of

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators

#: Rows, depth, columns, batches of both factors.
SHAPES = (
    (1, 1, 1, (), ()),
    (5, 31, 16, (2,), (1,)),
    (7, 33, 37, (2, 3), (3,)),
    (65, 64, 48, (1, 2), (2, 1)),
    (3, 130, 130, (), (2,)),
    (17, 4, 65, (3,), (3,)),
)


@pytest.fixture(params=PATH_NAMES)
def target(request):
    return target_of(request.param)


def record(chip, a, b, shift, activation="linear"):
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    dtype = str(a.dtype)
    operator = operators()["matmul"](
        Tensor(dtype, a.shape, -4),
        Tensor(dtype, b.shape, -7),
        Tensor(dtype, (*batch, a.shape[-2], b.shape[-1]), -11 + shift),
        activation,
    )
    return one(operator, find_chip(chip), [a, b])


@pytest.mark.parametrize("dtype", ("int8", "int16"))
def test_shapes(target, dtype):
    """Odd sizes, batches that are repeated, depths on both sides of what the S3 surely holds."""
    rng = seeded(191)
    records = []
    for n, (rows, depth, columns, of_a, of_b) in enumerate(SHAPES):
        a = integers(rng, (*of_a, rows, depth), dtype)
        b = integers(rng, (*of_b, depth, columns), dtype)
        sums = np.abs(a.astype(np.float64)).mean() * np.abs(b.astype(np.float64)).mean()
        least = np.log2(sums * np.sqrt(depth) + 1) - (6 if dtype == "int8" else 14)
        shift = max(0, round(least) + int(rng.integers(-1, 2)))
        records += [
            record(CHIPS[n % 3], a, b, shift),
            record(CHIPS[(n + 1) % 3], a, b, shift + 3, "relu"),
        ]
    assert_equal(records, target)


@pytest.mark.parametrize("dtype", ("int8", "int16"))
def test_ends(target, dtype):
    """All at the ends of the type: sums that leave their register on the S3, and just do not."""
    rng = seeded(192)
    limits, records = np.iinfo(dtype), []
    narrow = {"int8": (31, 32, 200), "int16": (2, 511, 600)}[dtype]
    for depth in narrow:
        a = rng.choice([limits.min, limits.max], (6, depth)).astype(dtype)
        b = rng.choice([limits.min, limits.max, 1], (depth, 37)).astype(dtype)
        a[0], a[1], b[:, 0], b[:, 1], b[:, 36] = (limits.min, limits.max) * 2 + (limits.min,)
        b[520:, 0] = limits.max  # what was too large comes back
        shift = {"int8": 12, "int16": 24}[dtype]
        records += [record(chip, a, b, shift) for chip in ("esp32s3", "esp32p4")]
    clamped, plain = (
        record(chip, *records[-2].samples[0], shift).references()[0] for chip in CHIPS[::2]
    )
    assert (clamped != plain).any()
    assert_equal(records, target)


def test_the_end_of_32_bits(target):
    """Products of one sign: the bound by lengths is the sum, and lies on either side of 2**31."""
    a = np.repeat(np.arange(5775, 5810)[:, None], 64, 1).astype(np.int16)
    records = [
        record(chip, a, np.full((64, 21), sign * 5793, np.int16), 16)
        for chip, sign in zip(CHIPS, (1, -1, 1), strict=True)
    ]
    sums = a.astype(np.int64).sum(axis=1) * 5793
    assert sums.min() < 1 << 31 < sums.max()
    assert_equal(records, target)
