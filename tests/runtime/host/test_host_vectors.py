"""Pools, reductions, softmax and PReLU in vectors of channels, of several CPUs, against NumPy."""

from itertools import product

import numpy as np
import pytest
from host_cases import differences, one, target_of

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.runtime.host.kernel import vectors_of

CHANNELS = (1, 3, 15, 16, 17, 33, 64, 65, 150)
CPUS = ("", "x86-64", "x86-64-v3")
CHIPS = ("esp32", "esp32s3", "esp32p4")

# Image, kernel, pads, strides: without a border, with one on some sides, and a whole image.
POOLS = (
    ((4, 6), (2, 2), (0, 0, 0, 0), (2, 2)),
    ((5, 7), (3, 3), (1, 1, 1, 1), (1, 1)),
    ((6, 9), (3, 5), (0, 4, 2, 1), (2, 3)),
    ((3, 2), (3, 3), (2, 2, 1, 1), (1, 2)),
    ((17, 19), (17, 19), (0, 0, 0, 0), (1, 1)),
)


def pools(dtype):
    names = operators()
    for n, ((height, width), kernel, pads, strides) in enumerate(3 * POOLS):
        channels = CHANNELS[n % len(CHANNELS)]
        rows = (height + pads[0] + pads[2] - kernel[0]) // strides[0] + 1
        columns = (width + pads[1] + pads[3] - kernel[1]) // strides[1] + 1
        x = Tensor(dtype, (1, height, width, channels), -4)
        y = Tensor(dtype, (1, rows, columns, channels), -4 - n % 2)
        yield names["average_pool2d"](x, y, kernel, pads, strides)
        y = Tensor(dtype, y.shape, -4)
        yield names["max_pool2d"](x, y, kernel, pads, strides)


def reductions(dtype):
    names = [name for name in operators() if name.startswith("reduce_")]
    for n, (name, axes) in enumerate(product(names, ((0,), (1,), (0, 1), (0, 2)))):
        x = Tensor(dtype, (3, 5, CHANNELS[n % len(CHANNELS)]), -4)
        kept = tuple(1 if axis in axes else extent for axis, extent in enumerate(x.shape))
        y = Tensor(dtype, kept, -4 if name in ("reduce_max", "reduce_min") else -2)
        yield operators()[name](x, y, axes)


def softmaxes(dtype):
    for n, (name, axis) in enumerate(product(("softmax", "log_softmax"), (0, 1, 2, 1))):
        shape = (3, 5, CHANNELS[(2 * n) % len(CHANNELS)])
        x = Tensor(dtype, shape, -5 if dtype == "int8" else -12)
        yield operators()[name](x, Tensor("float32", shape, None), axis)


def filled(rng, shape, dtype):
    """All sizes of numbers; whole channels at either end, so that sums are the largest."""
    limits = np.iinfo(dtype)
    values = rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    values[..., rng.random(shape[-1]) < 0.2] = limits.min
    values[..., rng.random(shape[-1]) < 0.1] = limits.max
    return values


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize("kind", [pools, reductions, softmaxes])
def test_all_numbers_of_channels(kind, dtype, cpu):
    print("seed", seed := 23)
    rng = np.random.default_rng(seed)
    chips = [find_chip(name) for name in CHIPS]
    records = [
        one(operator, chips[n % 3], [filled(rng, operator.x.shape, dtype)])
        for n, operator in enumerate(kind(dtype))
    ]
    wrong = differences(records, target_of(cpu))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_prelu_with_every_shift(dtype, cpu):
    """Products that are not shifted, and nearly out of their width."""
    print("seed", seed := 29)
    rng = np.random.default_rng(seed)
    records = []
    for n, shift in enumerate((0, 1, 7, 8, 14, 15, 16, 23, 29, 30, 31)):
        channels = CHANNELS[n % len(CHANNELS)]
        x, y = (Tensor(dtype, (1, 4, 5, channels), -4) for _ in range(2))
        alpha = Tensor(dtype, (1, 1, 1, channels), -shift)
        arrays = [filled(rng, x.shape, dtype), filled(rng, alpha.shape, dtype)]
        operator = operators()["prelu"](x, y, alpha)
        records += [one(operator, find_chip(name), arrays) for name in CHIPS[n % 2 :]]
    wrong = differences(records, target_of(cpu))
    assert not wrong, "\n".join(wrong)


def test_vectors_have_every_channel():
    for dtype in ("int8", "int16", "int32", "int64"):
        for extent in range(1, 300):
            covered = set()
            for first, count, width in vectors_of(extent, dtype):
                assert width * np.dtype(dtype).itemsize <= 128
                covered |= set(range(first, first + count * width))
            assert covered == set(range(extent))
