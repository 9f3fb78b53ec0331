"""Each rule of paddings, zeros, scatters and reversals; their results by other means."""

import numpy as np
import pytest
from changed_records import like, refused

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.ops.insert_zeros import InsertZeros

S3 = find_chip("esp32s3")

ZEROS = InsertZeros.of(Tensor("int8", (1, 4, 4, 3), -3), (2, 2), (0, 1))


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


def padded(before, after, mode="constant", shape=(4, 5)):
    y = tuple(a + b + c for a, b, c in zip(shape, before, after, strict=True))
    return operators()["pad"](tensor(shape), tensor(y), before, after, mode)


WIDE = tensor((1,), dtype="int32")


@pytest.mark.parametrize(
    ("rule", "operator"),
    [
        ("rank_fits", padded((0,) * 7, (1,) * 7, shape=(1,) * 7)),
        ("inside_has_few_dimensions", padded((0,) * 5, (1,) * 5, "edge", shape=(1,) * 5)),
        (
            "inside_has_few_dimensions",
            padded((0,) * 6, (0,) * 5 + (1,), "reflect", shape=(2,) * 6),
        ),
        ("mode_is_known", padded((1, 0), (0, 0), "circular")),
        ("padding_only_adds", padded((-1, 0), (2, 0))),
        ("reflection_has_enough_to_reflect", padded((4, 0), (0, 0), "reflect")),
        (
            "types_are_equal",
            operators()["pad"](WIDE, WIDE, (0,), (0,)),
        ),
    ],
)
def test_rules_of_paddings(rule, operator):
    assert rule in broken(operator)


@pytest.mark.parametrize(
    "operator",
    [
        padded((4, 0), (0, 9), "edge"),
        padded((3, 0), (0, 4), "reflect"),
    ],
)
def test_paddings_that_are_taken(operator):
    assert not broken(operator)


@pytest.mark.parametrize("chip", ["esp32", "esp32s3", "esp32p4"])
def test_nothing_is_refused_without_reason(chip):
    assert not refused(ZEROS, chip)


def test_insert_zeros():
    floats = {"x": like(ZEROS.x, dtype="float32"), "y": like(ZEROS.y, dtype="float32")}
    assert refused(ZEROS, **floats) == {"types_are_equal"}
    assert refused(ZEROS, x=like(ZEROS.x, shape=(2, 4, 4, 3))) == {"batch_is_one"}
    assert refused(ZEROS, y=like(ZEROS.y, exponent=0)) == {"exponents_are_equal"}
