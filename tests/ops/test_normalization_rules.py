"""Each rule of the normalizations; their results by other means."""

import numpy as np
import pytest
from changed_records import like, refused

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.ops.base.newton import newton_root
from tvm_espdl.ops.layer_norm import LayerNorm

S3, P4, PLAIN = (find_chip(name) for name in ("esp32s3", "esp32p4", "esp32"))

NORM = LayerNorm(
    Tensor("int8", (1, 5, 8), -5),
    Tensor("int8", (8,), -6),
    Tensor("int8", (8,), -6),
    Tensor("int8", (1, 5, 8), -5),
    axis=2,
)


def broken(operator, chip=S3):
    return [refusal.rule for refusal in operator.refusals(chip)]


def tensor(shape=(4, 5), exponent=0, dtype="int8"):
    return Tensor(dtype, shape, exponent)


def rms(x=None, y=None, scale=None, axis=1, epsilon=1e-5):
    x = x or tensor((3, 6), -4)
    factors = scale or Tensor("float32", x.shape[axis:])
    return operators()["rms_norm"](x, y or tensor(x.shape, -4, x.dtype), factors, axis, epsilon)


def lp(x=None, y=None, axis=1, p=2):
    x = x or tensor((3, 6), -4)
    return operators()["lp_norm"](x, y or tensor(x.shape, -7, x.dtype), axis, p)


@pytest.mark.parametrize("name", ("softmax", "log_softmax"))
def test_exponentials_of_int8_fit_a_float32(name):
    def softmax(exponent, dtype="int8"):
        x = tensor((3, 6), exponent, dtype)
        return operators()[name](x, Tensor("float32", (3, 6)), 1)

    ends = np.int8([[127] * 6, [-128] * 6, [127, -128] * 3])
    for exponent in range(-8, 4):
        found = softmax(exponent).reference(S3, ends)
        finite = bool(np.isfinite(found).all())
        assert finite == (exponent <= -1)
        assert broken(softmax(exponent)) == ([] if finite else ["probabilities_are_finite"])
        assert not broken(softmax(exponent, "int16"))


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


@pytest.mark.parametrize("chip", ["esp32", "esp32s3", "esp32p4"])
def test_nothing_is_refused_without_reason(chip):
    assert not refused(NORM, chip)


def test_layer_norm():
    assert refused(NORM, scale=like(NORM.scale, dtype="int16")) == {"types_are_equal"}
    assert refused(NORM, bias=like(NORM.bias, shape=(1,))) == {"parameters_are_whole"}
    assert refused(NORM, epsilon=0.0) == {"epsilon_is_positive"}
    assert refused(NORM, epsilon=1e-60) == {"epsilon_is_positive"}
    assert refused(NORM, x=like(NORM.x, exponent=0)) == {"root_ends"}
    long = Tensor("int8", (1, 1 << 25), -5)
    assert refused(NORM, x=long, y=long, scale=None, bias=None, axis=1) == {"sum_fits"}


def test_newtons_method_ends_for_all_that_the_rule_lets_by():
    """Every float32 that a variance can be, in steps; the result is a square root."""
    values = np.geomspace(1e-30, 64.0**2, 200001).astype(np.float32)
    roots = newton_root(values)
    assert np.abs(roots.astype(np.float64) - np.sqrt(values.astype(np.float64))).max() < 2e-5
