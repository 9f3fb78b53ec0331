"""Sums of products of int8 on every path of instructions that this CPU has, bit for bit."""

import numpy as np
import pytest
from host_cases import differences, one
from random_operators.draws import BIAS
from random_operators.weighted import overflowing
from tvm.target import Target
from tvm.target.codegen import target_has_features

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.ops.base.accumulate import largest_sums
from tvm_espdl.runtime.host import build_regions, host_target
from tvm_espdl.runtime.host.products import image
from tvm_espdl.runtime.host.products.instructions import PATHS, instructions_of
from tvm_espdl.runtime.host.run import program_of

TARGETS = {
    "avx512vnni": {"mcpu": "x86-64-v4", "mattr": ["+avx512vnni"]},
    "avxvnni": {"mcpu": "x86-64-v3", "mattr": ["+avxvnni"]},
    "avx512bw": {"mcpu": "x86-64-v4"},
    "avx2": {"mcpu": "x86-64-v3"},
}
USES = {"avx512vnni": "vpdpbusd", "avxvnni": "vpdpbusd"}
CHIPS = ("esp32s3", "esp32p4", "esp32")

# Kernel, strides, dilations, pads, size of the image.
WINDOWS = (
    ((1, 1), (1, 1), (1, 1), (0, 0, 0, 0), (5, 7)),
    ((3, 3), (1, 1), (1, 1), (1, 1, 1, 1), (6, 9)),
    ((1, 1), (2, 2), (1, 1), (0, 0, 0, 0), (5, 8)),
    ((3, 3), (2, 2), (1, 1), (0, 1, 1, 0), (9, 7)),
    ((5, 2), (1, 2), (1, 2), (2, 0, 1, 1), (8, 11)),
    ((2, 4), (2, 1), (2, 1), (1, 3, 0, 2), (7, 6)),
    ((3, 3), (1, 1), (2, 3), (2, 3, 1, 2), (7, 9)),
    ((1, 7), (1, 1), (1, 1), (0, 3, 0, 3), (1, 30)),
)
DENSE = (
    (3, 1),
    (3, 16),
    (1, 17),
    (4, 65),
    (5, 24),
    (16, 33),
    (19, 8),
    (65, 48),
    (64, 130),
    (7, 9),
    (33, 16),
)
DEPTHWISE = (1, 3, 8, 16, 17, 24, 33, 48, 65, 100, 144)


@pytest.fixture(params=("portable", *TARGETS))
def target(request):
    if request.param == "portable":
        return Target("llvm")
    feature = next(p.feature for p in PATHS if p.name == request.param)
    if not target_has_features(feature, host_target(None)):
        pytest.skip(f"this CPU has no {feature}")
    return Target({"kind": "llvm", **TARGETS[request.param]})


def integers(rng, shape):
    """Bytes of all sizes, both ends among them."""
    values = np.clip(rng.normal(0, rng.choice([20, 60, 200]), shape), -128, 127)
    return np.where(rng.random(shape) < 0.02, -128, values.round()).astype(np.int8)


def weighted(rng, chip, name, arrays, y_shape, **fields):
    """A record with random bias, activation and shifts, on P4 one for each channel."""
    (x, w), channels = arrays, y_shape[-1]
    typical = np.sqrt(w.size / channels) * 25
    shift = max(0, int(np.log2(typical)) + int(rng.integers(-1, 3)))
    shifts = [max(0, shift - int(n)) for n in rng.integers(0, 12, channels)]
    shifts[0] = 0
    exponent = tuple(-n for n in shifts) if chip.per_channel else -shift
    b = rng.integers(-9000, 9000, channels).astype(np.int32) if rng.random() < 0.8 else None
    operator = operators()[name](
        x=Tensor("int8", x.shape, -3),
        w=Tensor("int8", w.shape, exponent),
        b=None if b is None else Tensor("int32", b.shape, -3),
        y=Tensor("int8", y_shape, -3),
        activation=str(rng.choice(["relu", "linear"])),
        **fields,
    )
    return one(operator, chip, [x, w] if b is None else [x, w, b])


def convolution(rng, chip, window, depth, channels):
    """A convolution, depthwise where `depth` is None."""
    kernel, strides, dilations, pads, size = window
    name = "depthwise_conv2d" if depth is None else "conv2d"
    x = integers(rng, (1, *size, channels if depth is None else depth))
    w = integers(rng, (channels, 1 if depth is None else depth, *kernel))
    extent = [
        (size[n] + pads[n] + pads[n + 2] - dilations[n] * (kernel[n] - 1) - 1) // strides[n] + 1
        for n in range(2)
    ]
    shape = (1, *extent, channels)
    fields = {"strides": strides, "dilations": dilations, "pads": pads}
    return weighted(rng, chip, name, (x, w), shape, **fields)


def seeded(seed):
    print(f"seed {seed}")
    return np.random.default_rng(seed)


def assert_equal(records, target):
    found = differences(records, target)
    assert not found, "\n".join(found)


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


def edge(chip, beyond, sign, pixels=9, channels=32):
    """A 1x1 convolution whose partial sums end `beyond` behind the register's end, then return.

    Half of the pixels have small sums, so that tiles have both kinds.
    """
    up = -128 if sign > 0 else 127
    w = np.array([up] * 4 + [sign * 127] * 32 + [sign * 32] + [-128] * 3)
    x = np.full((1, 1, pixels, w.size), -128, np.int8)
    x[..., -3:] = 0
    x[:, :, ::2] //= 8
    end = (1 << 19) - 1 if sign > 0 else -(1 << 19)
    b = np.full(channels, end + sign * beyond + 4 * 128 * up, np.int32)
    w = np.repeat(w[None], channels, 0).astype(np.int8)
    operator = operators()["conv2d"](
        x=Tensor("int8", x.shape, 0),
        w=Tensor("int8", (*w.shape, 1, 1), 0),
        b=Tensor(BIAS["int8"], b.shape, 0),
        y=Tensor("int8", (1, 1, pixels, channels), 0),
    )
    assert largest_sums(w, b, "int8").min() > 1 << 19
    return one(operator, chip, [x, w[:, :, None, None], b])


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
    x, w = integers(rng, (1, 4, 5, 24)), integers(rng, (20, 24, 1, 1))
    records = []
    for chip, exponent in (("esp32", -31), ("esp32", 2), ("esp32p4", -30), ("esp32", -40)):
        b = rng.integers(-(2**31), 2**31, 20).astype(np.int32)
        operator = operators()["conv2d"](
            x=Tensor("int8", x.shape, 0),
            w=Tensor("int8", w.shape, exponent),
            b=Tensor("int32", b.shape, exponent),
            y=Tensor("int8", (1, 4, 5, 20), 0),
        )
        records.append(one(operator, find_chip(chip), [x, w, b]))
    assert_equal(records, target)


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
