"""Sums of products of int16 on every path of instructions that this CPU has, bit for bit."""

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

USES = {"avx512vnni": "vpdpwssd", "avxvnni": "vpdpwssd", "dotprod": "smlal", "neon": "smlal"}


@pytest.fixture(params=PATH_NAMES)
def target(request):
    return target_of(request.param)


def test_dense(target):
    rng = seeded(171)
    records = []
    for n, (depth, channels) in enumerate(DENSE):
        chip, window = find_chip(CHIPS[n % 3]), WINDOWS[n % len(WINDOWS)]
        records.append(convolution(rng, chip, window, depth, channels, dtype="int16"))
    for rows, depth, channels in ((1, 150, 70), (3, 37, 5)):
        x, w = integers(rng, (rows, depth), "int16"), integers(rng, (depth, channels), "int16")
        chip = find_chip(CHIPS[rows % 3])
        records.append(weighted(rng, chip, "gemm", (x, w), (rows, channels)))
    assert_equal(records, target)


def test_depthwise(target):
    rng = seeded(172)
    records = []
    for n, channels in enumerate(DEPTHWISE):
        chip, window = find_chip(CHIPS[n % 3]), WINDOWS[n % len(WINDOWS)]
        records.append(convolution(rng, chip, window, None, channels, dtype="int16"))
    assert_equal(records, target)


def test_slices(target, monkeypatch):
    """An image that does not fit the block of one slice."""
    monkeypatch.setattr(image, "BLOCK_BYTES", 2400)
    rng = seeded(173)
    windows = (WINDOWS[0], WINDOWS[1], WINDOWS[3])
    records = [
        convolution(rng, find_chip(chip), window, depth, 18, dtype="int16")
        for chip, window in zip(CHIPS, windows, strict=True)
        for depth in (17, None)
    ]
    assert_equal(records, target)


def product(chip, arrays, shift, activation="linear"):
    """A matrix product with one exponent, from `(rows, depth)` and `(depth, columns)`."""
    x, w, b = arrays
    operator = operators()["gemm"](
        x=Tensor("int16", x.shape, 0),
        w=Tensor("int16", w.shape, -shift),
        b=Tensor("int64", b.shape, -shift),
        y=Tensor("int16", (len(x), w.shape[1]), 0),
        activation=activation,
    )
    return one(operator, find_chip(chip), [x, w, b])


@pytest.mark.parametrize("sign", (1, -1))
def test_at_the_end_of_32_bits(target, sign):
    """Windows whose bound lies close to the end of int32 on either side, and whose sums reach it.

    All products have one sign, so that the bound by lengths is the sum.
    """
    records, depth = [], 64
    for chip, shifts in zip(CHIPS, ((0, 15, 22), (14, 16, 17), (16,)), strict=True):
        for shift in shifts:
            x = np.repeat(np.arange(5775, 5810)[:, None], depth, 1).astype(np.int16)
            w = np.full((depth, 21), sign * 5793, np.int16)
            b = np.tile([0, 1, -1, 1 << 15, -(1 << 16), 1 << 30, -(1 << 30)], 3)
            records.append(product(chip, (x, w, b.astype(np.int64)), shift))
    sums = records[0].samples[0][0].astype(np.int64) @ records[0].constants[0].astype(np.int64)
    assert np.abs(sums).min() < 1 << 31 < np.abs(sums).max()
    assert_equal(records, target)


@pytest.mark.parametrize("depth", (511, 512, 2049, 8193))
def test_all_at_the_ends_of_int16(target, depth):
    """The largest sums that there are, up to which every split into digits serves."""
    rng = seeded(depth)
    x = np.full((6, depth), -32768, np.int16)
    x[1], x[2:] = 32767, rng.choice([-32768, 32767, -129, 128], (4, depth))
    w = rng.choice([-32768, 32767, 127, -128], (depth, 24)).astype(np.int16)
    w[:, 0], w[:, 1], w[:, 16] = -32768, 32767, -32768
    b = rng.integers(-(2**38), 2**38, 24)
    kinds = ((30, "linear"), (24, "linear"), (29, "relu"))
    records = [product(chip, (x, w, b), *kind) for chip, kind in zip(CHIPS, kinds, strict=True)]
    assert_equal(records, target)


def test_left_and_right_shifts_of_one_layer(target):
    """On P4 each channel has its own: a dead one may have any; plain C has left ones."""
    rng = seeded(177)
    records = []
    for chip, shifts in (("esp32p4", (-40, -3, 0, 7, 15, 16, 17, 31, 33, 60)), ("esp32", (-2,))):
        exponent = tuple(-int(n) for n in rng.choice(shifts, 20))
        exponent = exponent if len(shifts) > 1 else -shifts[0]
        for name, depth in (("conv2d", 24), ("depthwise_conv2d", 1)):
            x = integers(rng, (1, 4, 5, depth if depth > 1 else 20), "int16")
            w = integers(rng, (20, depth, 1, 1), "int16")
            w[::2] //= 1 << 12
            b = rng.integers(-(2**25), 2**25, 20)
            operator = operators()[name](
                x=Tensor("int16", x.shape, 0),
                w=Tensor("int16", w.shape, exponent),
                b=Tensor("int64", b.shape, exponent),
                y=Tensor("int16", (1, 4, 5, 20), 0),
            )
            records.append(one(operator, find_chip(chip), [x, w, b]))
    assert_equal(records, target)


def test_overflowing(target):
    """Sums that leave 40 bits, in lanes and in the remaining channels."""
    rng = seeded(174)
    records = []
    for name in ("conv2d", "depthwise_conv2d"):
        for channels, chip in ((16, "esp32s3"), (21, "esp32s3"), (21, "esp32p4")):
            used = find_chip(chip)
            operator, inputs, constants = overflowing(rng, used, name, "int16", channels)
            records.append(one(operator, used, [*inputs, *constants]))
    assert_equal(records, target)


def test_depthwise_at_the_ends(target):
    """Windows at the ends of int16, of one sign and of both, and shifts on both sides of 16."""
    rng = seeded(175)
    records = []
    for chip in CHIPS:
        for shift in {"esp32s3": (0, 15, 17), "esp32p4": (9, 16, 23)}.get(chip, (30,)):
            x = np.where(rng.random((1, 6, 7, 24)) < 0.5, -32768, 32767).astype(np.int16)
            x[..., ::3], x[:, :3, :, 1::3] = -32768, 32767
            w = rng.choice([-32768, 32767, -129, 128], (24, 1, 3, 5)).astype(np.int16)
            w[0], w[1], w[2] = -32768, 32767, 128
            b = rng.integers(-(2**36), 2**36, 24)
            operator = operators()["depthwise_conv2d"](
                x=Tensor("int16", x.shape, 0),
                w=Tensor("int16", w.shape, -shift),
                b=Tensor("int64", b.shape, -shift),
                y=Tensor("int16", (1, 6, 7, 24), 0),
                pads=(1, 2, 1, 2),
                activation=str(rng.choice(["linear", "relu"])),
            )
            records.append(one(operator, find_chip(chip), [x, w, b]))
    assert_equal(records, target)


def test_the_path_is_taken(target):
    """Convolutions contain the instruction of their path, whatever their kind."""
    rng = seeded(176)
    path = instructions_of(target)
    for depth, spread in ((16, 1), (None, 1), (None, 60)):
        record = convolution(rng, find_chip("esp32s3"), WINDOWS[1], depth, 32, dtype="int16")
        w = (record.constants[0] // spread, *record.constants[1:])
        program = program_of(record.operator, record.chip, w)
        text = build_regions({"net": program}, target).inspect_source("asm")
        if path is None:
            assert "vpmaddwd" not in text and "vpdpwssd" not in text and "zmm" not in text
        else:
            assert USES.get(path.name, "vpmaddwd") in text
            assert ("zmm" in text) == (path.lanes == 16)
