"""Which layers are in slices, and how large those are: against caches, vectors and alignment."""

import math

import numpy as np
import pytest

from tvm_espdl.chips import CHIPS
from tvm_espdl.ops import Tensor
from tvm_espdl.ops.conv2d import Conv2d
from tvm_espdl.ops.depthwise_conv2d import DepthwiseConv2d
from tvm_espdl.ops.gemm import Gemm
from tvm_espdl.program.slices import slice_channels

SEED = 67
KIB = 1024
WITH_VECTORS = [name for name, chip in CHIPS.items() if chip.vector_bytes]


def conv(channels, *, kernel=1, dtype="int8", size=7, biased=False):
    depth, result = channels
    wide = "int32" if dtype == "int8" else "int64"
    return Conv2d(
        x=Tensor(dtype, (1, size, size, depth), -4),
        w=Tensor(dtype, (result, depth, kernel, kernel), -6),
        b=Tensor(wide, (result,), -10) if biased else None,
        y=Tensor(dtype, (1, size, size, result), -4),
        pads=(kernel // 2,) * 4,
    )


def gemm(rows, channels, dtype="int8"):
    depth, result = channels
    x, y = Tensor(dtype, (rows, depth), -4), Tensor(dtype, (rows, result), -4)
    return Gemm(x, Tensor(dtype, (depth, result), -6), None, y)


def on(chip, operator, kernel="esp-dl", pitch=None):
    return slice_channels(operator, CHIPS[chip], kernel, pitch)


@pytest.mark.parametrize(
    ("chip", "operator", "channels"),
    [
        # 960 to 320 channels: 300 KB in seven slices.
        ("esp32s3", conv((960, 320)), 48),
        # 56 KB stay whole, a vector more does not.
        ("esp32s3", conv((256, 224)), 0),
        ("esp32s3", conv((256, 240)), 128),
        # A vector of 3x3 takes 36 KB, of 49 KB, and of 57 KB, which nothing helps.
        ("esp32s3", conv((256, 256), kernel=3), 16),
        ("esp32s3", conv((350, 256), kernel=3), 16),
        ("esp32s3", conv((408, 256), kernel=3), 0),
        # With 64-bit biases.
        ("esp32s3", conv((448, 64), dtype="int16", biased=True), 32),
        ("esp32p4", conv((256, 256)), 0),
        ("esp32p4", conv((256, 272)), 144),
        # Too large for the inner cache: the outer one.
        ("esp32p4", conv((512, 64), kernel=3), 32),
        ("esp32p4", conv((512, 32), kernel=3), 0),
        ("esp32s31", conv((960, 320)), 48),
        ("esp32s3", gemm(9, (960, 320)), 48),
        ("esp32s3", gemm(1, (960, 320)), 0),
        ("esp32s3", conv((960, 320), size=1), 0),
        # ESP-DL's kernel for whole vectors would store others.
        ("esp32s3", conv((960, 130)), 0),
        ("esp32s3", conv((965, 130)), 48),
        ("esp32s3", conv((960, 132), dtype="int16"), 0),
    ],
)
def test_slices_stay_in_the_cache(chip, operator, channels):
    assert on(chip, operator) == channels


def test_pixels_that_lie_apart_begin_with_vectors():
    odd, even = conv((960, 130)), conv((960, 320))
    assert on("esp32s3", odd, pitch=192) == 48
    assert on("esp32s3", odd, pitch=190) == 0
    assert on("esp32s3", even, pitch=330) == 0
    assert on("esp32s3", conv((960, 65), dtype="int16"), pitch=2 * 72) == 24


@pytest.mark.parametrize("chip", CHIPS)
def test_only_esp_dls_kernels_in_vectors_have_slices(chip):
    large = conv((960, 320))
    assert bool(on(chip, large)) == (chip in WITH_VECTORS)
    assert on(chip, large, "portable") == 0
    depthwise = DepthwiseConv2d(
        x=Tensor("int8", (1, 4, 4, 3200), -4),
        w=Tensor("int8", (3200, 1, 5, 5), -6),
        b=None,
        y=Tensor("int8", (1, 4, 4, 3200), -4),
        pads=(2, 2, 2, 2),
    )
    assert on(chip, depthwise) == 0


def test_random_layers():
    """Whole vectors, as few slices as fit, as even as vectors let them be."""
    rng = np.random.default_rng(SEED)
    found = 0
    for _ in range(2000):
        chip = str(rng.choice(WITH_VECTORS))
        dtype = str(rng.choice(["int8", "int16"]))
        depth, result = (int(n) for n in rng.integers(1, 700, 2))
        operator = conv((depth, result), kernel=int(rng.choice([1, 3])), dtype=dtype)
        lanes, kept = CHIPS[chip].lanes(dtype), CHIPS[chip].external_memory.kept
        each, nbytes = on(chip, operator), operator.w.nbytes
        vector = nbytes * lanes / result
        fitting = [one for one in kept if vector <= one.whole_bytes < nbytes]
        told = f"seed {SEED}: {chip} {operator.to_json()}"
        odd = bool(result % lanes and not depth % lanes)
        assert bool(each) == (bool(fitting) and not odd and result > lanes), told
        if each:
            found += 1
            most = max(fitting[0].slice_bytes, vector)
            assert each % lanes == 0, told
            assert nbytes * each / result <= most, told
            vectors = math.ceil(result / lanes)
            slices = math.ceil(result / each)
            assert slices > 1, told
            assert math.ceil(vectors / (slices - 1)) * vector > most, told
    assert found > 300


def test_figures_of_chips_are_those_of_their_caches():
    for chip in CHIPS.values():
        memory = chip.external_memory
        assert bool(memory.kept) == bool(chip.vector_bytes)
        for kept, (nbytes, _) in zip(memory.kept, memory.caches, strict=bool(memory.kept)):
            assert 0 < kept.slice_bytes < kept.whole_bytes <= nbytes
