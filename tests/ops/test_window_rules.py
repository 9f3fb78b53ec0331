"""One broken and one kept case for each rule of the resizes, and of pools of signals."""

import pytest

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators

S3, P4, C3 = (find_chip(name) for name in ("esp32s3", "esp32p4", "esp32c3"))


def nearest(*size, wanted=None, channels=16, dtypes=("int8", "int8"), change=0, batch=1, **fields):
    x = Tensor(dtypes[0], (batch, *size, channels), -4)
    wanted = wanted or tuple(3 * n for n in size)
    return operators()["resize_nearest"](
        x, Tensor(dtypes[1], (batch, *wanted, channels), -4 + change), **fields
    )


def linear(*size, wanted=None, coordinates="half_pixel"):
    wanted = wanted or tuple(3 * n for n in size)
    x, y = (Tensor("int8", (1, *n, 4), -4) for n in (size, wanted))
    return operators()["resize_linear"](x, y, coordinates)


def pooled(**other):
    x, y = Tensor("int8", (1, 9, 4), -4), Tensor(other.get("dtype", "int8"), (1, 7, 4), -4)
    return operators()["max_pool2d"](x, y, (1, 3))


BROKEN = [
    ("type_is_int8", nearest(2, 3, dtypes=("int16", "int16"))),
    ("type_is_int8", nearest(2, 3, dtypes=("int8", "int16"))),
    ("is_one_image", nearest(2, 3, batch=2)),
    ("is_one_image", nearest(2, 3, 2, wanted=(2, 3, 2))),
    ("coordinates_are_asymmetric", nearest(2, 3, coordinates="half_pixel")),
    ("coordinates_are_asymmetric", nearest(2, 3, rounding="round_prefer_floor")),
    ("channels_fill_a_vector", nearest(2, 3, channels=15)),
    ("channels_fill_a_vector", nearest(2, wanted=(4,), channels=15)),
    ("shift_fits_vectors", nearest(2, 3, change=-7)),
    ("shift_fits_vectors", nearest(2, 3, change=16)),
    ("coordinates_are_known", linear(2, 3, coordinates="asymmetric")),
    ("has_two_pixels", linear(1, 3)),
    ("has_two_pixels", linear(2, 3, wanted=(1, 3), coordinates="align_corners")),
    ("types_are_equal", pooled(dtype="int16")),
]

KEPT = [
    nearest(2, 3, change=-6),
    nearest(1, 1, wanted=(1, 1), change=15),
    nearest(2, 3, wanted=(4, 6), channels=1),
    nearest(3),
    linear(2, 3, wanted=(1, 1)),
    linear(2, wanted=(5,), coordinates="align_corners"),
    pooled(),
]


@pytest.mark.parametrize("chip", [S3, P4])
@pytest.mark.parametrize(("rule", "operator"), BROKEN)
def test_broken_rule_is_named(rule, operator, chip):
    assert rule in [refusal.rule for refusal in operator.refusals(chip)]


@pytest.mark.parametrize("chip", [S3, P4, C3])
@pytest.mark.parametrize("operator", KEPT)
def test_nothing_is_refused(operator, chip):
    assert operator.refusals(chip) == []


def test_chips_without_vectors_resize_few_channels():
    assert nearest(2, 3, channels=1).refusals(C3) == []


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("name", ["max_pool2d", "average_pool2d"])
def test_padding_as_wide_as_the_kernel_is_one_too_many(name, place):
    """On each side of its own; one less is inside."""
    kernel = (2, 3)
    for padding, refused in ((kernel[place % 2] - 1, False), (kernel[place % 2], True)):
        pads = tuple(padding if n == place else 0 for n in range(4))
        rows, columns = 8 + pads[0] + pads[2] - 1, 8 + pads[1] + pads[3] - 2
        x, y = Tensor("int8", (1, 8, 8, 16), -4), Tensor("int8", (1, rows, columns, 16), -4)
        broken = [refusal.rule for refusal in operators()[name](x, y, kernel, pads).refusals(S3)]
        assert ("padding_is_inside_kernel" in broken) == refused, (pads, broken)
