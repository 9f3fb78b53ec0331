"""One broken and one kept case for each rule of the reductions; facts of their references."""

import numpy as np
import pytest

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.ops.base.newton import newton_root
from tvm_espdl.ops.reduce_prod import round_double

S3, P4 = find_chip("esp32s3"), find_chip("esp32p4")


def reduced(name, *shape, axes=(1,), dtypes=("int8", "int8"), exponents=(-7, -7)):
    kept = tuple(1 if axis in axes else n for axis, n in enumerate(shape))
    x, y = Tensor(dtypes[0], shape, exponents[0]), Tensor(dtypes[1], kept, exponents[1])
    return operators()[f"reduce_{name}"](x, y, axes)


WIDE = ("int16", "int16")

BROKEN = [
    ("runs_fit", reduced("mean", 1, 2, 1, 2, 1, axes=(1, 3))),
    ("runs_fit", reduced("max", 1, 2, 1, 2, 1, axes=(0, 2, 4))),
    ("types_are_equal", reduced("sum", 1, 4, dtypes=("int8", "int16"))),
    ("sum_fits", reduced("sum_square", 1, 1 << 17)),
    ("sum_fits", reduced("sum", 1, 1 << 24)),
    ("shift_is_defined", reduced("sum", 1, 4, exponents=(-20, 11))),
    ("shift_is_defined", reduced("l1", 1, 4, exponents=(12, -20))),
    ("exponents_are_equal", reduced("max", 1, 4, exponents=(-4, -3))),
    ("exponents_are_equal", reduced("min", 1, 4, exponents=(-4, -3))),
    ("root_is_found", reduced("l2", 1, 16384)),
    ("root_is_found", reduced("l2", 1, 256, dtypes=WIDE, exponents=(-12, -7))),
    ("scale_of_squares_fits_shifts", reduced("l2", 1, 4, exponents=(-16, -13))),
    ("scale_of_squares_fits_shifts", reduced("l2", 1, 4, dtypes=WIDE, exponents=(-17, -13))),
    ("exponentials_are_finite", reduced("log_sum_exp", 1, 4, exponents=(0, -3))),
]

KEPT = [
    reduced("mean", 1, 2, 3, 4, axes=(0, 2)),
    reduced("mean", 1, 2, 3, 2, 2, 3, axes=(1, 2, 5)),
    reduced("sum", 1, 4, exponents=(-20, 10)),
    reduced("sum", 1, 1 << 24, dtypes=WIDE),
    reduced("sum_square", 1, (1 << 17) - 1),
    reduced("max", 1, 4),
    reduced("l2", 1, 16383),
    reduced("l2", 1, 4, exponents=(-15, -12)),
    reduced("log_sum_exp", 1, 4, exponents=(-1, -3)),
    reduced("log_sum", 1, 4),
    reduced("prod", 1, 4),
]


@pytest.mark.parametrize(("rule", "operator"), BROKEN)
def test_broken_rule_is_named(rule, operator):
    assert rule in [refusal.rule for refusal in operator.refusals(S3)]


@pytest.mark.parametrize("operator", KEPT)
def test_nothing_is_refused(operator):
    assert operator.refusals(S3) == []


def test_roots_are_near_the_true_ones():
    values = np.concatenate([np.geomspace(1e-3, 16000, 999), [0, 1, 16383]]).astype(np.float32)
    np.testing.assert_allclose(newton_root(values), np.sqrt(values), rtol=0, atol=2e-5)


def test_doubles_round_as_each_chip_does():
    values = np.array([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.4999999, 2.4999999, 7.2, 1e30])
    np.testing.assert_array_equal(round_double(values, S3), [1, 2, 3, 0, -1, -2, 0, 2, 7, 65536])
    # The millionth: 2.4999999 + 0.5 is too near to 3 to be 2, and steps back to 2 all the same.
    np.testing.assert_array_equal(round_double(values, P4), [0, 2, 2, 0, -2, -2, 0, 2, 7, 65536])


def test_permuted_reduction_is_the_same_reduction():
    rng = np.random.default_rng(0)
    x = rng.integers(-128, 128, (1, 4, 3, 5)).astype(np.int8)
    for name in ("mean", "sum", "max", "l2", "log_sum_exp"):
        operator = reduced(name, *x.shape, axes=(1, 3))
        order = (0, 2, 3, 1)
        moved = operator.permuted(order).reference(S3, np.ascontiguousarray(x.transpose(order)))
        np.testing.assert_array_equal(moved, operator.reference(S3, x).transpose(order))
