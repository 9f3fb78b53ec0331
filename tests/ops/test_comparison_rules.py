"""Each rule of comparisons, powers and remainders; their results by other means."""

import math
from fractions import Fraction

import numpy as np
import pytest

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.ops.base.comparison import Comparison
from tvm_espdl.ops.base.registry import declared

COMPARISONS = tuple(kind.name for kind in declared() if issubclass(kind, Comparison))
S3, P4, PLAIN = (find_chip(name) for name in ("esp32s3", "esp32p4", "esp32"))
INT8 = np.arange(-128, 128).astype(np.int8)


def broken(operator, chip=S3):
    return [refusal.rule for refusal in operator.refusals(chip)]


def tensor(shape=(1, 2, 3, 8), exponent=0, dtype="int8"):
    return Tensor(dtype, shape, exponent)


def truth(shape=(1, 2, 3, 8)):
    return Tensor("bool", shape)


@pytest.mark.parametrize("name", COMPARISONS)
def test_rules_of_comparisons(name):
    kind, t = operators()[name], tensor()
    assert not broken(kind(t, t, truth()))
    assert broken(kind(t, t, t)) == ["types_are_equal"]
    assert broken(kind(t, tensor(dtype="int16"), truth())) == ["types_are_equal"]
    assert broken(kind(t, tensor(exponent=1), truth())) == ["exponents_are_equal"]
    shapes = (2, 1, 3, 1, 2), (1, 2, 1, 3, 1), (2, 2, 3, 3, 2)
    assert broken(kind(*map(tensor, shapes[:2]), truth(shapes[2]))) == ["merged_rank_fits"]


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_result_over_a_repeated_input(name):
    """Two rows of bool are as many bytes as one row of int16, which the second row reads again."""
    kind, rule = operators()[name], ["repeated_input_survives"]
    for dtype, rows, rules in (("int16", 2, rule), ("int16", 3, []), ("int8", 2, [])):
        whole, row = tensor((rows, 8), dtype=dtype), tensor((1, 8), dtype=dtype)
        assert broken(kind(whole, row, truth((rows, 8)))) == rules
        assert broken(kind(row, whole, truth((rows, 8)))) == rules
    assert not broken(kind(tensor(dtype="int16"), tensor(dtype="int16"), truth()))


# Signs of the difference for which the answer is true.
SIGNS = {
    "equal": (0,),
    "greater": (1,),
    "greater_equal": (0, 1),
    "less": (-1,),
    "less_equal": (-1, 0),
}


@pytest.mark.parametrize("name", COMPARISONS)
def test_every_pair_of_int8(name):
    record = operators()[name](tensor((256, 1)), tensor((1, 256)), truth((256, 256)))
    result = record.reference(S3, INT8[:, None], INT8[None, :])
    assert result.dtype == np.bool_
    difference = np.subtract.outer(INT8.astype(int), INT8.astype(int))
    np.testing.assert_array_equal(result, np.isin(np.sign(difference), SIGNS[name]))


@pytest.mark.parametrize("name", ("pow", "mod"))
def test_rules_of_powers(name):
    kind, t = operators()[name], tensor()
    assert not broken(kind(t, tensor(exponent=-7), tensor(exponent=3)))
    assert broken(kind(t, t, tensor(dtype="int16"))) == ["types_are_equal"]
    assert broken(kind(t, tensor(exponent=-31), t)) == ["exponents_fit_shifts"]
    assert broken(kind(t, t, tensor(exponent=31))) == ["exponents_fit_shifts"]
    assert broken(kind(*(tensor(dtype="bool"),) * 3)) == ["types_are_equal"]


def rounded(exact, chip):
    """A rational number as the chip rounds it, within int8."""
    floor = math.floor(exact)
    rest = exact - floor
    up = rest > Fraction(1, 2) or (
        rest == Fraction(1, 2) and (chip.rounding == "half_up" or floor % 2 == 1)
    )
    return min(max(floor + up, -128), 127)


@pytest.mark.parametrize("chip", (S3, P4), ids=lambda chip: chip.name)
@pytest.mark.parametrize("exponents", [(-4, -4, -4), (-5, -3, -3), (2, -6, -5), (-9, 2, -7)])
def test_remainders_are_exact(exponents, chip):
    a, b = INT8[::3], INT8[::5]
    a[:3], b[:3] = (-128, 127, 0), (0, -128, 127)
    x, y, z = exponents
    record = operators()["mod"](
        tensor((a.size, 1), x), tensor((b.size,), y), tensor((a.size, b.size), z)
    )
    result = record.reference(chip, a[:, None], b)
    scales = [Fraction(2) ** e for e in exponents]
    for i, p in enumerate(a.tolist()):
        for j, q in enumerate(b.tolist()):
            dividend, divisor = p * scales[0], abs(q * scales[1])
            rest = abs(dividend) % divisor if q else 0
            exact = (rest if p >= 0 else -rest) / scales[2]
            assert result[i, j] == rounded(exact, chip), (p, q)


def power(a, b, exponents=(0, 0, 0), dtype="int8", chip=S3):
    a, b = np.array(a, dtype), np.array(b, dtype)
    tensors = [
        Tensor(dtype, shape, e)
        for shape, e in zip((a.shape, b.shape, a.shape), exponents, strict=True)
    ]
    return operators()["pow"](*tensors).reference(chip, a, b).tolist()


def test_whole_powers_are_those_of_integers():
    for base in range(-12, 13):
        for exponent in range(0, 5):
            exact = min(max(base**exponent, -32768), 32767)
            assert power([base], [exponent], dtype="int16") == [exact], (base, exponent)


def test_powers_at_the_edges():
    # 0^0 is 1, a root of a negative number is no number, a power of 0 below 0 is infinite.
    assert power([0, 0, -4], [0, -1, 1]) == [1, 127, -4]
    assert power([-4, -4], [1, 3], (0, -1, 0)) == [127, 127]
    assert power([5, 5], [1, -1], (0, 0, -1)) == [10, 0]
    # 0.5 is a tie: 2 to the power of -1 at exponent 0, and 1.5 is another: 1.5^1.
    assert power([2, 3], [-1, 1], chip=S3) == [1, 3]
    assert power([2, 3], [-1, 1], chip=P4) == [0, 3]
    assert power([3], [1], (-1, 0, 0), chip=S3) == [2]
    assert power([3], [1], (-1, 0, 0), chip=P4) == [2]
    assert power([-127], [11], (3, 0, 0)) == [-128]
