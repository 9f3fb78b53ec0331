"""Sums of products of int8 on every path of instructions that this CPU has, bit for bit."""

import numpy as np
import pytest
from host_cases import one
from product_cases import (
    CHIPS,
    DENSE,
    DEPTHWISE,
    PATH_NAMES,
    WINDOWS,
    assert_equal,
    convolution,
    edge,
    integers,
    seeded,
    target_of,
    weighted,
)
from random_operators.weighted import overflowing

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.runtime.host import build_regions
from tvm_espdl.runtime.host.products import image
from tvm_espdl.runtime.host.products.instructions import instructions_of
from tvm_espdl.runtime.host.run import program_of

USES = {"avx512vnni": "vpdpbusd", "avxvnni": "vpdpbusd", "dotprod": "sdot", "neon": "sadalp"}


@pytest.fixture(params=PATH_NAMES)
def target(request):
    return target_of(request.param)


def test_dense(target):
    rng = seeded(161)
    records = []
    for n, (depth, channels) in enumerate(DENSE):
        chip, window = find_chip(CHIPS[n % 3]), WINDOWS[n % len(WINDOWS)]
        records.append(convolution(rng, chip, window, depth, channels))
    for rows, depth, channels in ((1, 150, 70), (3, 37, 5)):
        x, w = integers(rng, (rows, depth)), integers(rng, (depth, channels))
        chip = find_chip(CHIPS[rows % 3])
        records.append(weighted(rng, chip, "gemm", (x, w), (rows, channels)))
    assert_equal(records, target)


def test_depthwise(target):
    rng = seeded(162)
    records = []
    for n, channels in enumerate(DEPTHWISE):
        chip, window = find_chip(CHIPS[n % 3]), WINDOWS[n % len(WINDOWS)]
        records.append(convolution(rng, chip, window, None, channels))
    assert_equal(records, target)


def test_slices(target, monkeypatch):
    """An image that does not fit the block of one slice."""
    monkeypatch.setattr(image, "BLOCK_BYTES", 600)
    rng = seeded(163)
    windows = (WINDOWS[0], WINDOWS[1], WINDOWS[3])
    records = [
        convolution(rng, find_chip(chip), window, depth, 18)
        for chip, window in zip(CHIPS, windows, strict=True)
        for depth in (17, None)
    ]
    assert_equal(records, target)


def extreme(rng, chip, exponent, b):
    """A convolution and a depthwise one whose filters have this exponent or these."""
    records = []
    for name, depth in (("conv2d", 24), ("depthwise_conv2d", 1)):
        x = integers(rng, (1, 4, 5, depth if depth > 1 else 20))
        w = integers(rng, (20, depth, 1, 1))
        operator = operators()[name](
            x=Tensor("int8", x.shape, 0),
            w=Tensor("int8", w.shape, exponent),
            b=Tensor("int32", b.shape, exponent),
            y=Tensor("int8", (1, 4, 5, 20), 0),
        )
        records.append(one(operator, chip, [x, w, b]))
    return records


def test_overflowing(target):
    """Sums that leave their register, in lanes and in the remaining channels."""
    rng = seeded(164)
    records = []
    for name in ("conv2d", "depthwise_conv2d"):
        for channels in (16, 40):
            chip = find_chip("esp32s3")
            operator, inputs, constants = overflowing(rng, chip, name, "int8", channels)
            records.append(one(operator, chip, [*inputs, *constants]))
    assert_equal(records, target)


@pytest.mark.parametrize("sign", (1, -1))
def test_at_the_edge(target, sign):
    """The last sum within the register, and the first beyond it, which the chip clamps."""
    records = []
    for beyond in (-1, 0, 1, 100):
        record = edge(find_chip("esp32s3"), beyond, sign)
        wide = edge(find_chip("esp32"), beyond, sign)
        (clamped,), (plain,) = record.references(), wide.references()
        assert (clamped != plain).any() == (beyond > 0)
        records.append(record)
    assert_equal(records, target)


def test_shifts_beyond_32_bits(target):
    """Left shifts, right shifts of more than a word, and a bias that leaves no bit to round."""
    rng = seeded(165)
    records = []
    for chip, exponent in (("esp32", -31), ("esp32", 2), ("esp32p4", -30), ("esp32", -40)):
        b = rng.integers(-(2**31), 2**31, 20).astype(np.int32)
        for small in (0, 3, 24):
            records += extreme(rng, find_chip(chip), exponent, b >> small)
    assert_equal(records, target)


def test_left_and_right_shifts_of_one_layer(target):
    """On P4 each channel has its own: a dead one may have any."""
    rng = seeded(167)
    shifts = (-40, -3, 0, 4, 9, 29, 30, 31, 33, 60)
    exponent = tuple(-int(n) for n in rng.choice(shifts, 20))
    b = rng.integers(-(2**22), 2**22, 20).astype(np.int32)
    assert_equal(extreme(rng, find_chip("esp32p4"), exponent, b), target)


def test_the_path_is_taken(target):
    """A convolution contains the instruction of its path."""
    rng = seeded(166)
    record = convolution(rng, find_chip("esp32s3"), WINDOWS[1], 16, 32)
    program = program_of(record.operator, record.chip, record.constants)
    text = build_regions({"net": program}, target).inspect_source("asm")
    path = instructions_of(target)
    if path is None:
        assert "vpdpbusd" not in text and "zmm" not in text
    else:
        assert USES.get(path.name, "vpmaddwd") in text
        assert ("zmm" in text) == (path.lanes == 16)
