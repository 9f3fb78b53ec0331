"""Each rule of the operators with two inputs and of neg, and where quotients differ."""

import numpy as np
import pytest

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators

RAW = ("add", "sub", "maximum", "minimum")
BINARY = (*RAW, "mul", "div")
S3, P4, PLAIN = (find_chip(name) for name in ("esp32s3", "esp32p4", "esp32"))


def broken(operator, chip=S3):
    return [refusal.rule for refusal in operator.refusals(chip)]


def tensor(shape=(1, 2, 3, 8), exponent=0, dtype="int8"):
    return Tensor(dtype, shape, exponent)


@pytest.mark.parametrize("name", BINARY)
def test_types_and_ranks(name):
    kind, t = operators()[name], tensor()
    assert not broken(kind(t, t, t))
    assert broken(kind(t, t, tensor(dtype="int16"))) == ["types_are_equal"]
    assert broken(kind(*(tensor(dtype="int32"),) * 3)) == ["types_are_equal"]
    alternating = (2, 1, 3, 1, 2), (1, 2, 1, 3, 1), (2, 2, 3, 3, 2)
    assert broken(kind(*map(tensor, alternating))) == ["merged_rank_fits"]


@pytest.mark.parametrize("name", RAW)
def test_exponents(name):
    kind = operators()[name]
    for exponents in ((-3, -4, -4), (-4, -3, -4), (-4, -4, -3)):
        record = kind(*(tensor(exponent=e) for e in exponents))
        assert broken(record) == ["exponents_are_equal"]


def test_mul_shift():
    mul = operators()["mul"]
    for shift, rules in ((0, []), (31, []), (-1, ["vector_shift_fits"])):
        record = mul(tensor(exponent=-1), tensor(), tensor(exponent=shift - 1))
        assert broken(record, S3) == rules
        assert broken(record, P4) == rules
        assert not broken(record, PLAIN)
    record = mul(tensor(exponent=-2), tensor(), tensor(exponent=30))
    assert broken(record) == ["vector_shift_fits"]


def test_div_by_a_computed_scalar():
    div, one = operators()["div"], tensor((1,))
    rule = ["single_operand_is_constant"]
    assert broken(div(tensor(), one, tensor())) == rule
    assert broken(div(one, tensor(), tensor())) == rule
    assert not broken(div(tensor(), one, tensor(), b_is_constant=True))
    assert not broken(div(one, tensor(), tensor(), a_is_constant=True))
    # Of two single operands the table is made from the dividend.
    assert broken(div(one, one, one, b_is_constant=True)) == rule
    assert not broken(div(one, one, one, a_is_constant=True))
    wide = [tensor(shape, dtype="int16") for shape in ((1, 2, 3, 8), (1,), (1, 2, 3, 8))]
    assert not broken(div(*wide))


def test_neg_rules():
    neg = operators()["neg"]
    assert not broken(neg(tensor(), tensor()))
    assert broken(neg(tensor(), tensor(exponent=1))) == ["exponents_are_equal"]
    assert broken(neg(tensor(), tensor(dtype="int16"))) == ["types_are_equal"]


def quotient(a, b, dtype="int16", exponent=0):
    """Of two arrays that broadcast."""
    a, b = (np.array(values, dtype) for values in (a, b))
    y = tensor(np.broadcast_shapes(a.shape, b.shape), exponent, dtype)
    record = operators()["div"](tensor(a.shape, 0, dtype), tensor(b.shape, 0, dtype), y)
    return record.reference(PLAIN, a, b).tolist()


def test_division_by_zero():
    assert quotient([5, 0, -5], [0, 0, 0]) == [32767, 0, -32768]
    assert quotient([5, 0, -5], [0], "int8") == [127, 0, -128]
    assert quotient([5], [0, 1], "int8") == [127, 5]
    # The int8 table of a single dividend takes zero by zero for a negative quotient.
    assert quotient([0], [0, 1], "int8") == [-128, 0]
    assert quotient([0], [0, 1], "int16") == [0, 0]


def test_a_repeated_divisor_divides_first():
    """`a * (r / b)` and `(a * r) / b` are rounded differently in float32."""
    a, b = np.arange(-32768, 32768).astype(np.int16), np.full(65536, 14, np.int16)
    repeated = np.float32(a) * (np.float32(1) / np.float32(14))
    whole = np.float32(a) / np.float32(14)
    for divisor, exact in ((b[:1], repeated), (b, whole)):
        rounded = np.floor((exact.astype(np.float64) + 0.5).astype(np.float32))
        assert quotient(a, divisor) == rounded.tolist()
    assert quotient(a, b[:1]) != quotient(a, b)
