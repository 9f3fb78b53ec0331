"""Each rule of scatter_nd, reverse_sequence and the norms; their results by other means."""

import numpy as np
import pytest

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators

S3, P4, PLAIN = (find_chip(name) for name in ("esp32s3", "esp32p4", "esp32"))


def broken(operator, chip=S3):
    return [refusal.rule for refusal in operator.refusals(chip)]


def tensor(shape=(4, 5), exponent=0, dtype="int8"):
    return Tensor(dtype, shape, exponent)


def scatter(updates=None, indices=(2, 1), reduction="none", **types):
    kinds = {"data": tensor(), "y": tensor(), **types}
    given = updates or tensor((indices[0], 5))
    indices = Tensor("int64", indices)
    return operators()["scatter_nd"](kinds["data"], indices, given, kinds["y"], reduction)


def test_rules_of_scatters():
    for reduction in ("none", "add", "mul", "max", "min"):
        assert not broken(scatter(reduction=reduction))
    assert broken(scatter(reduction="mean")) == ["reduction_is_known"]
    assert broken(scatter(tensor((2, 5), 1))) == ["exponents_fit"]
    assert broken(scatter(y=tensor(exponent=1))) == ["exponents_fit"]
    finer = {"data": tensor(exponent=-3), "y": tensor(exponent=-3)}
    assert not broken(scatter(reduction="mul", **finer))
    assert broken(scatter(tensor((2, 5), -3), reduction="mul", **finer)) == ["exponents_fit"]
    assert broken(scatter(tensor((2, 5), dtype="int16"))) == ["types_are_equal"]
    assert broken(scatter(indices=(4, 1))) == ["updates_survive"]
    assert not broken(scatter(indices=(3, 1)))


def test_scatters_run_in_order():
    record = scatter(indices=(3, 1), reduction="add")
    data = np.full((4, 5), 100, np.int8)
    updates = np.int8([[100] * 5, [-100] * 5, [1] * 5])
    result = record.reference(S3, data, updates, np.int64([[2], [2], [0]]))
    assert result[:, 0].tolist() == [101, 100, 27, 100]
    assert data.min() == data.max() == 100
    replaced = scatter(indices=(3, 1)).reference(S3, data, updates, np.int64([[2], [2], [0]]))
    assert replaced[:, 0].tolist() == [1, 100, -100, 100]


def reversal(batch=0, time=1, **types):
    kinds = {"x": tensor(), "y": tensor(), **types}
    lengths = Tensor("int64", (kinds["x"].shape[batch],))
    return operators()["reverse_sequence"](kinds["x"], kinds["y"], lengths, batch, time)


def test_rules_of_reversals():
    assert not broken(reversal())
    assert not broken(reversal(1, 0))
    assert broken(reversal(y=tensor(exponent=1))) == ["exponents_are_equal"]
    assert broken(reversal(y=tensor(dtype="int16"))) == ["types_are_equal"]
    floats = dict.fromkeys("xy", Tensor("float32", (4, 5)))
    assert broken(reversal(**floats)) == ["types_are_equal"]
    wide = dict.fromkeys("xy", tensor((2, 3, 4)))
    assert broken(reversal(0, 2, **wide)) == ["axes_are_the_first_two"]
    assert broken(reversal(2, 1, **wide)) == ["axes_are_the_first_two"]


def test_reversals_end_at_their_lengths():
    x = np.arange(20, dtype=np.int8).reshape(4, 5)
    result = reversal().reference(S3, x, np.int64([0, 1, 3, 5]))
    assert result.tolist() == [
        [0, 1, 2, 3, 4],
        [5, 6, 7, 8, 9],
        [12, 11, 10, 13, 14],
        [19, 18, 17, 16, 15],
    ]
    columns = reversal(1, 0).reference(S3, x, np.int64([4, 2, 0, 0, 3]))
    assert columns.T[:2].tolist() == [[15, 10, 5, 0], [6, 1, 11, 16]]
    assert columns[:, 4].tolist() == [14, 9, 4, 19]


def rms(x=None, y=None, scale=None, axis=1, epsilon=1e-5):
    x = x or tensor((3, 6), -4)
    factors = scale or Tensor("float32", x.shape[axis:])
    return operators()["rms_norm"](x, y or tensor(x.shape, -4, x.dtype), factors, axis, epsilon)


def lp(x=None, y=None, axis=1, p=2):
    x = x or tensor((3, 6), -4)
    return operators()["lp_norm"](x, y or tensor(x.shape, -7, x.dtype), axis, p)


@pytest.mark.parametrize("make", (rms, lp))
def test_rules_of_both_norms(make):
    assert not broken(make())
    assert broken(make(y=tensor((3, 6), -4, "int16"))) == ["types_are_equal"]
    assert broken(make(y=tensor((3, 6), -31))) == ["exponents_fit_shifts"]
    assert broken(make(tensor((3, 6), 31))) == ["exponents_fit_shifts"]
    assert not broken(make(tensor((1, 131071), -4)))
    assert broken(make(tensor((1, 131072), -4))) == ["squares_fit"]
    assert not broken(make(tensor((1, 131072), -4, "int16")))


def test_rules_of_each_norm():
    assert broken(rms(epsilon=0.0)) == ["epsilon_is_positive"]
    assert broken(rms(epsilon=1e-60)) == ["epsilon_is_positive"]
    assert broken(rms(scale=Tensor("float32", (5,)))) == ["scale_is_whole"]
    assert broken(rms(scale=tensor((6,)))) == ["scale_is_whole"]
    assert broken(lp(p=3)) == ["norm_is_known"]
    assert not broken(lp(p=1))


def nearly(result, exact, dtype):
    """Equal to the rounded exact numbers but for a few that lie next to a tie."""
    limits = np.iinfo(dtype)
    wanted = np.clip(np.floor(exact + 0.5), limits.min, limits.max)
    off = np.abs(result.astype(np.float64) - wanted)
    near_tie = np.abs(exact - np.floor(exact) - 0.5) < 2e-2
    assert off.max() <= 1
    assert not (off[~near_tie] > 0).any()


@pytest.mark.parametrize("dtype", ("int8", "int16"))
def test_norms_in_double_precision(dtype):
    seed = 41
    rng, limits = np.random.default_rng(seed), np.iinfo(dtype)
    x = rng.integers(limits.min, limits.max + 1, (40, 24)).astype(dtype)
    x[0], x[1], x[2, 1:] = limits.min, limits.max, 0
    fine = 0 if dtype == "int8" else -8
    real = x * 2.0 ** (-4 + fine)
    factors = rng.normal(0, 1, 24).astype(np.float32)
    record = rms(tensor(x.shape, -4 + fine, dtype), tensor(x.shape, -5 + fine, dtype))
    exact = real / np.sqrt((real**2).mean(axis=1, keepdims=True) + 1e-5) * factors
    nearly(record.reference(S3, x, factors), exact * 2.0 ** (5 - fine), dtype)
    for p in (1, 2):
        record = lp(tensor(x.shape, -4, dtype), tensor(x.shape, -6 + fine, dtype), p=p)
        norm = np.linalg.norm(real, p, axis=1, keepdims=True)
        nearly(record.reference(S3, x), real / norm * 2.0 ** (6 - fine), dtype)


def test_norms_at_the_edges():
    zeros = np.zeros((3, 6), np.int8)
    assert not lp().reference(S3, zeros).any()
    assert not lp(p=1).reference(S3, zeros).any()
    assert not rms().reference(S3, zeros, np.ones(6, np.float32)).any()
    # A vector of one element is 1, which is above the largest int8 at 2^-7.
    alone = np.int8([[0, -128, 0, 0, 0, 0]] * 3)
    assert lp().reference(S3, alone)[:, 1].tolist() == [-128] * 3
    assert lp().reference(S3, -np.int8(1) * (alone // 2))[:, 1].tolist() == [127] * 3
    # Four equal elements are 1/4 by p=1 and 1/2 by p=2; halves of a step are ties.
    equal = np.full((3, 4), 7, np.int8)
    for p, exponent, half_up, half_even in ((1, -1, 1, 0), (2, 0, 1, 0), (2, -7, 64, 64)):
        record = lp(tensor((3, 4)), tensor((3, 4), exponent), p=p)
        assert (record.reference(S3, equal) == half_up).all()
        assert (record.reference(P4, equal) == half_even).all()
    # A factor beyond every integer saturates.
    huge = rms().reference(PLAIN, np.full((3, 6), -9, np.int8), np.full(6, 1e30, np.float32))
    assert (huge == -128).all()
