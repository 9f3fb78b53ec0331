"""Random sums of products for every path of instructions, and the targets that force each path."""

import numpy as np
import pytest
from host_cases import differences, one
from random_operators.draws import BIAS
from tvm.target import Target
from tvm.target.codegen import target_has_features

from tvm_espdl.ops import Tensor, operators
from tvm_espdl.ops.base.accumulate import largest_sums
from tvm_espdl.runtime.host import host_target
from tvm_espdl.runtime.host.products.instructions import PATHS

TARGETS = {
    "avx512vnni": {"mcpu": "x86-64-v4", "mattr": ["+avx512vnni"]},
    "avxvnni": {"mcpu": "x86-64-v3", "mattr": ["+avxvnni"]},
    "avx512bw": {"mcpu": "x86-64-v4"},
    "avx2": {"mcpu": "x86-64-v3"},
}
PATH_NAMES = ("portable", *TARGETS)
CHIPS = ("esp32s3", "esp32p4", "esp32")

#: How widely values are spread, of which a record has one.
SPREADS = {"int8": (20, 60, 200), "int16": (40, 1500, 6000, 60000)}

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


def target_of(path):
    """The target that forces a path; skips the test where this CPU cannot."""
    if path == "portable":
        return Target("llvm")
    feature = next(p.feature for p in PATHS if p.name == path)
    if not target_has_features(feature, host_target(None)):
        pytest.skip(f"this CPU has no {feature}")
    return Target({"kind": "llvm", **TARGETS[path]})


def integers(rng, shape, dtype="int8"):
    """Integers of all sizes, both ends among them."""
    limits = np.iinfo(dtype)
    values = np.clip(rng.normal(0, rng.choice(SPREADS[dtype]), shape), limits.min, limits.max)
    return np.where(rng.random(shape) < 0.02, limits.min, values.round()).astype(dtype)


def weighted(rng, chip, name, arrays, y_shape, **fields):
    """A record with random bias, activation and shifts, on P4 one for each channel."""
    (x, w), channels, dtype = arrays, y_shape[-1], str(arrays[0].dtype)
    typical = np.sqrt(w.size / channels) * np.abs(w.astype(float)).mean() * 1.25
    shift = max(0, int(np.log2(typical + 1)) + int(rng.integers(-1, 3)))
    shifts = [max(0, shift - int(n)) for n in rng.integers(0, 12, channels)]
    shifts[0] = 0
    exponent = tuple(-n for n in shifts) if chip.per_channel else -shift
    largest = 9000 if dtype == "int8" else int(rng.choice([9000, 1 << 26, 1 << 35]))
    b = rng.integers(-largest, largest, channels).astype(BIAS[dtype])
    b = b if rng.random() < 0.8 else None
    operator = operators()[name](
        x=Tensor(dtype, x.shape, -3),
        w=Tensor(dtype, w.shape, exponent),
        b=None if b is None else Tensor(BIAS[dtype], b.shape, -3),
        y=Tensor(dtype, y_shape, -3),
        activation=str(rng.choice(["relu", "linear"])),
        **fields,
    )
    return one(operator, chip, [x, w] if b is None else [x, w, b])


def convolution(rng, chip, window, depth, channels, *, dtype="int8"):
    """A convolution, depthwise where `depth` is None."""
    kernel, strides, dilations, pads, size = window
    name = "depthwise_conv2d" if depth is None else "conv2d"
    x = integers(rng, (1, *size, channels if depth is None else depth), dtype)
    w = integers(rng, (channels, 1 if depth is None else depth, *kernel), dtype)
    extent = [
        (size[n] + pads[n] + pads[n + 2] - dilations[n] * (kernel[n] - 1) - 1) // strides[n] + 1
        for n in range(2)
    ]
    shape = (1, *extent, channels)
    fields = {"strides": strides, "dilations": dilations, "pads": pads}
    return weighted(rng, chip, name, (x, w), shape, **fields)


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


def seeded(seed):
    """A generator, whose seed is printed."""
    print(f"seed {seed}")
    return np.random.default_rng(seed)


def assert_equal(records, target):
    """The host's results are the references'."""
    found = differences(records, target)
    assert not found, "\n".join(found)
