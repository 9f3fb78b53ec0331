"""One broken and one kept case for each rule of concat, slice, gather and the shuffles."""

import pytest

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators

S3 = find_chip("esp32s3")


def tensor(*shape, dtype="int8", exponent=-4):
    return Tensor(dtype, shape, exponent)


def make(name, *fields):
    return operators()[name](*fields)


def sliced(extent, count, start, step, **other):
    return make("slice", tensor(extent), tensor(count, **other), (start,), (step,))


def gathered(**other):
    return make("gather", tensor(4, 5), tensor(2, 5, **other), Tensor("int64", (2,)), 0)


def joined(*parts, **other):
    y = tensor(sum(part.shape[0] for part in parts), **other)
    return make("concat", parts, y, 0)


def shuffled(name, depth, mode, block=2):
    deep, wide = tensor(1, 2, 3, depth * block**2), tensor(1, 2 * block, 3 * block, depth)
    tensors = (deep, wide) if name == "depth_to_space" else (wide, deep)
    return make(name, *tensors, block, mode)


SEVEN = tensor(*[1] * 7)

BROKEN = [
    ("exponents_are_equal", sliced(9, 4, 0, 1, exponent=-3)),
    ("types_are_equal", sliced(9, 4, 0, 1, dtype="int16")),
    (
        "types_are_equal",
        make("slice", tensor(9, dtype="int32"), tensor(4, dtype="int32"), (0,), (1,)),
    ),
    ("is_not_empty", sliced(9, 0, 0, 1)),
    ("rank_fits", make("slice", SEVEN, SEVEN, (0,) * 7, (1,) * 7)),
    ("backward_slice_is_centred", sliced(9, 4, 8, -1)),
    ("backward_slice_is_centred", sliced(10, 5, 9, -2)),
    ("exponents_are_equal", gathered(exponent=0)),
    ("types_are_equal", gathered(dtype="int16")),
    ("exponents_are_equal", joined(tensor(2), tensor(3, exponent=-3))),
    ("types_are_equal", joined(tensor(2), tensor(3, dtype="int16"))),
    ("inputs_fit", joined(*[tensor(2)] * 17)),
    ("depth_first_has_block_channels", shuffled("depth_to_space", 3, "DCR")),
    ("order_is_by_channel", shuffled("space_to_depth", 2, "DCR")),
]

KEPT = [
    sliced(9, 4, 0, 2),
    sliced(9, 9, 8, -1),
    sliced(9, 5, 8, -2),
    sliced(9, 3, 5, -1),
    gathered(),
    joined(*[tensor(2)] * 16),
    shuffled("depth_to_space", 2, "DCR"),
    shuffled("depth_to_space", 5, "CRD"),
    shuffled("space_to_depth", 1, "DCR"),
    shuffled("space_to_depth", 5, "CRD"),
]


@pytest.mark.parametrize(("rule", "operator"), BROKEN)
def test_broken_rule_is_named(rule, operator):
    assert rule in [refusal.rule for refusal in operator.refusals(S3)]


@pytest.mark.parametrize("operator", KEPT)
def test_nothing_is_refused(operator):
    assert operator.refusals(S3) == []


def test_gather_of_a_table_has_a_fixed_layout():
    operator = make("gather", tensor(4, 5), tensor(2, 3, 5), Tensor("int64", (2, 3)), 0)
    with pytest.raises(NotImplementedError, match="fixed layout"):
        operator.permuted((0, 2, 1))
