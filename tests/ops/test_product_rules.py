"""Every rule of matmul: a case that it refuses, and one that it lets by."""

import pytest
from changed_records import like, refused

from tvm_espdl.ops import Tensor
from tvm_espdl.ops.matmul import Matmul

MATMUL = Matmul(
    Tensor("int8", (2, 5, 6), -4), Tensor("int8", (1, 6, 8), -6), Tensor("int8", (2, 5, 8), -3)
)


@pytest.mark.parametrize("chip", ["esp32", "esp32s3", "esp32p4"])
def test_nothing_is_refused_without_reason(chip):
    assert not refused(MATMUL, chip)


def test_matmul():
    assert refused(MATMUL, b=like(MATMUL.b, dtype="int16")) == {"types_are_equal"}
    five = like(MATMUL.a, shape=(1, 1, 2, 5, 6))
    assert refused(MATMUL, a=five) == {"ranks_fit"}
    assert refused(MATMUL, b=like(MATMUL.b, shape=(6,))) == {"ranks_fit"}
    negative = like(MATMUL.y, exponent=-11)
    assert refused(MATMUL, "esp32p4", y=negative) == {"shift_is_not_negative"}
    assert not refused(MATMUL, "esp32", y=negative)
