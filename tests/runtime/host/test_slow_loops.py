"""Which sums still take the slow loops where the CPU has dot products, and that others do not."""

from functools import partial

import numpy as np
import pytest
from host_cases import one
from product_cases import WINDOWS, assert_equal, convolution, seeded
from random_operators.product import matmul
from tvm.target import Target

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.runtime.host import host_target, products
from tvm_espdl.runtime.host.kernels import product
from tvm_espdl.runtime.host.products.instructions import instructions_of


@pytest.fixture
def loops(monkeypatch):
    """The calls of slow loops: whether they are only for what must be summed in order."""
    calls = []
    plain, in_order = products.plain_products, product._in_order

    def noted(*arguments, only_ordered=False, **options):
        calls.append("ordered" if only_ordered else "all")
        return plain(*arguments, only_ordered=only_ordered, **options)

    def noted_matrices(*arguments):
        calls.append("matrices")
        return in_order(*arguments)

    monkeypatch.setattr(products, "plain_products", noted)
    monkeypatch.setattr(product, "_in_order", noted_matrices)
    return calls


@pytest.fixture
def target():
    found = host_target(None)
    if instructions_of(found) is None:
        pytest.skip("this CPU has no dot products")
    return found


@pytest.mark.parametrize("chip", ("esp32s3", "esp32p4", "esp32"))
@pytest.mark.parametrize("depth", (16, None))
@pytest.mark.parametrize("dtype", ("int8", "int16"))
def test_convolutions_take_none(loops, target, dtype, depth, chip):
    rng = seeded(181)
    record = convolution(rng, find_chip(chip), WINDOWS[1], depth, 24, dtype=dtype)
    assert_equal([record], target)
    assert loops == []


def with_large_channels(rng, name, dtype, large):
    """A convolution on the S3 of which some channels can leave their register."""
    depth, limits = (1, 64), np.iinfo(dtype)
    shape = (64, depth[name == "conv2d"], *((1, 1) if name == "conv2d" else (7, 7)))
    x = rng.integers(limits.min, limits.max, (1, 9, 9, 64), endpoint=True).astype(dtype)
    x[:, :, ::2] = limits.min
    w = rng.integers(-3, 3, shape).astype(dtype)
    w[list(large)] = limits.min
    edge = 1 << (19 if dtype == "int8" else 39)
    b = rng.integers(-100, 100, 64)
    b[list(large)] = -edge + 100
    operator = operators()[name](
        x=Tensor(dtype, x.shape, 0),
        w=Tensor(dtype, w.shape, 0),
        b=Tensor("int32" if dtype == "int8" else "int64", b.shape, 0),
        y=Tensor(dtype, (1, 9, 9, 64), 12 if dtype == "int8" else 24),
        pads=(0,) * 4 if name == "conv2d" else (3,) * 4,
    )
    return one(operator, find_chip("esp32s3"), [x, w, b.astype(operator.b.dtype)])


@pytest.mark.parametrize(
    ("name", "dtype"),
    (("depthwise_conv2d", "int8"), ("depthwise_conv2d", "int16"), ("conv2d", "int16")),
)
def test_few_channels_take_them(loops, target, name, dtype):
    """The order matters to two channels of one block and one of another; to all of a layer."""
    rng = seeded(182)
    few = with_large_channels(rng, name, dtype, (17, 18, 40))
    (clamped,) = few.references()
    (other,) = one(few.operator, find_chip("esp32"), [*few.samples[0], *few.constants]).references()
    assert (clamped != other).any(axis=(0, 1, 2)).sum() >= 2
    assert_equal([few], target)
    assert loops == ["ordered"]
    assert_equal([with_large_channels(rng, name, dtype, range(60))], target)
    assert loops == ["ordered", "all"]


def test_matrices(loops, target):
    rng = seeded(183)
    made = partial(matmul, rng, find_chip("esp32"))
    records = [one(o, find_chip("esp32"), [*inputs]) for o, inputs, _ in (made(), made(), made())]
    assert_equal(records, target)
    assert loops == []
    assert_equal(records, Target("llvm"))
    assert loops == ["matrices"] * 3
