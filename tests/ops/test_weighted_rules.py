"""Every rule of products with constants: a case that it refuses, and one that it lets by."""

import pytest
from changed_records import like, refused

from tvm_espdl.ops import Tensor
from tvm_espdl.ops.base.weighted import Weighted
from tvm_espdl.ops.conv1d import Conv1d
from tvm_espdl.ops.conv2d import Conv2d
from tvm_espdl.ops.gemm import Gemm

CONV = Conv2d(
    Tensor("int8", (1, 6, 6, 3), -4),
    Tensor("int8", (8, 3, 3, 3), -6),
    Tensor("int32", (8,), -10),
    Tensor("int8", (1, 4, 4, 8), -3),
)
CONV1D = Conv1d(
    Tensor("int8", (1, 6, 3), -4),
    Tensor("int8", (8, 3, 3), -6),
    Tensor("int32", (8,), -10),
    Tensor("int8", (1, 4, 8), -3),
)
GEMM = Gemm(
    Tensor("int8", (1, 6), -4),
    Tensor("int8", (6, 8), -6),
    Tensor("int32", (8,), -10),
    Tensor("int8", (1, 8), -3),
)


@pytest.mark.parametrize("chip", ["esp32", "esp32s3", "esp32p4"])
@pytest.mark.parametrize("operator", [CONV, CONV1D, GEMM])
def test_nothing_is_refused_without_reason(operator, chip):
    assert not refused(operator, chip)


@pytest.mark.parametrize("operator", [CONV, CONV1D, GEMM])
class TestWeighted:
    def test_types_are_equal(self, operator: Weighted):
        assert refused(operator, w=like(operator.w, dtype="int16")) == {"types_are_equal"}
        assert refused(operator, y=like(operator.y, dtype="int16")) == {"types_are_equal"}

    def test_bias_type_suits_data(self, operator: Weighted):
        assert refused(operator, b=like(operator.b, dtype="int64")) == {"bias_type_suits_data"}
        assert refused(operator, b=like(operator.b, dtype="int8")) == {"bias_type_suits_data"}

    def test_bias_exponent_is_of_products(self, operator: Weighted):
        wrong = like(operator.b, exponent=-9)
        assert refused(operator, b=wrong) == {"bias_exponent_is_of_products"}
        exponents = (-6, -7, -6, -6, -6, -6, -6, -6)
        w = like(operator.w, exponent=exponents)
        assert refused(operator, "esp32p4", w=w) == {"bias_exponent_is_of_products"}
        b = like(operator.b, exponent=tuple(e - 4 for e in exponents))
        assert not refused(operator, "esp32p4", w=w, b=b)

    def test_bias_is_per_channel(self, operator: Weighted):
        assert refused(operator, b=like(operator.b, shape=(1,))) == {"bias_is_per_channel"}
        assert refused(operator, b=like(operator.b, shape=(1, 8))) == {"bias_is_per_channel"}

    def test_filter_exponents_suit_chip(self, operator: Weighted):
        exponents = (-6, -7, -6, -6, -6, -6, -6, -6)
        w = like(operator.w, exponent=exponents)
        for chip in ("esp32", "esp32s3"):
            assert refused(operator, chip, w=w, b=None) == {"filter_exponents_suit_chip"}
        assert not refused(operator, "esp32p4", w=w, b=None)

    def test_shift_is_not_negative(self, operator: Weighted):
        y = like(operator.y, exponent=-11)
        for chip in ("esp32s3", "esp32p4"):
            assert refused(operator, chip, y=y) == {"shift_is_not_negative"}
        assert not refused(operator, "esp32", y=y)


def test_rules_of_windows_hold_in_one_dimension():
    assert refused(CONV1D, pads=(0, 3, 0, 0)) >= {"padding_is_inside_kernel"}
    x, y = like(CONV1D.x, shape=(1, 2, 3)), like(CONV1D.y, shape=(1, 1, 8))
    tail = {"pads": (0, 0, 0, 2), "strides": (1, 2)}
    assert refused(CONV1D, x=x, y=y, **tail) == {"stride_fits_before_tail"}
    assert refused(CONV1D, x=like(CONV1D.x, shape=(2, 6, 3))) == {"batch_is_one"}
    x, y = like(CONV1D.x, shape=(1, 1, 3)), like(CONV1D.y, shape=(1, 3, 8))
    w = like(CONV1D.w, shape=(8, 3, 2))
    apart = {"dilations": (1, 3), "pads": (0, 2, 0, 3)}
    assert refused(CONV1D, x=x, y=y, w=w, **apart) == {"every_window_touches_image"}
