"""What computes with scales that the chip makes by shifts keeps to exponents that fit them."""

import dataclasses

import numpy as np
import pytest
from changed_records import like, refused
from random_operators import GENERATORS

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.ops.base.shifted_scales import ShiftedScales

CHIPS = ("esp32", "esp32s3", "esp32p4")
#: Those that read no exponent, or shift integers by the difference of some.
WITHOUT_SCALES = """
abs add concat conv1d conv2d depth_to_space depthwise_conv1d depthwise_conv2d equal gather gemm
greater greater_equal insert_zeros less less_equal lut matmul max_pool2d maximum minimum neg pad
prelu reduce_l1 reduce_max reduce_min reduce_sum reduce_sum_square reshape resize_nearest
reverse_sequence scatter_nd sign slice space_to_depth sub transpose
"""
#: Those whose own rule says more: shifts, tables of the gates.
RECURRENT = ("gru", "lstm")
SCALED = sorted(name for name, kind in operators().items() if issubclass(kind, ShiftedScales))


def test_every_operator_is_one_of_both():
    assert {*WITHOUT_SCALES.split(), *RECURRENT} == set(operators()) - set(SCALED)


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("name", SCALED)
def test_exponents_beyond_shifts_are_refused(name, chip):
    record, _, _ = GENERATORS[name](np.random.default_rng(7), find_chip(chip))
    fields = [
        field.name
        for field in dataclasses.fields(record)
        if isinstance(getattr(getattr(record, field.name), "exponent", None), int)
    ]
    assert fields
    for field in fields:
        for exponent in (-100, -31, 31):
            changed = {field: like(getattr(record, field), exponent=exponent)}
            if dataclasses.replace(record, **changed).makes_scales(find_chip(chip)):
                assert "exponents_fit_shifts" in refused(record, chip, **changed), field
    kept = {name: like(getattr(record, name), exponent=-30) for name in fields}
    assert "exponents_fit_shifts" not in refused(record, chip, **kept)


def test_vectors_shift_integers():
    """A requantize of more than 50 elements makes no scale on chips with vectors."""
    x, y = (Tensor("int16", (1, 64), exponent) for exponent in (-31, -29))
    record = operators()["requantize"](x, y)
    for chip, rules in (
        ("esp32", {"exponents_fit_shifts"}),
        ("esp32s3", set()),
        ("esp32p4", set()),
    ):
        assert refused(record, chip) == rules
    assert refused(record, "esp32p4", x=like(x, exponent=-61)) == {"shift_is_defined"}
