"""Each rule of the recurrent layers, by a layer that breaks it and no other."""

import dataclasses

import pytest

from tvm_espdl.chips import CHIPS, find_chip
from tvm_espdl.ops import Tensor
from tvm_espdl.ops.gru import Gru
from tvm_espdl.ops.lstm import Lstm

KINDS = {Gru: 3, Lstm: 4}


def layer(kind, dtype="int8", inputs=16, hidden=16, **changed):
    rows, exponent = KINDS[kind] * hidden, -7 if dtype == "int8" else -15
    tensors = {
        "x": Tensor(dtype, (2, 1, inputs), exponent),
        "h": Tensor(dtype, (1, 1, hidden), exponent),
        "w": Tensor(dtype, (1, rows, inputs), exponent),
        "r": Tensor(dtype, (1, rows, hidden), exponent),
        "b": Tensor("int16", (1, 2 * rows), -9),
        "y": Tensor(dtype, (2, 1, 1, hidden), exponent),
    }
    gives = changed.pop("gives", "all")
    for name, fields in changed.items():
        tensors[name] = dataclasses.replace(tensors[name], **fields)
    return kind(**tensors, gives=gives)


def broken(operator, chip="esp32s3"):
    return {refusal.rule for refusal in operator.refusals(find_chip(chip))}


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize("kind", KINDS)
def test_usual_layers_are_taken(kind, dtype, chip):
    assert not broken(layer(kind, dtype), chip)
    assert not broken(layer(kind, dtype, inputs=11, hidden=27), chip)


CASES = [
    (Gru, {"b": {"dtype": "int32"}}, "types_fit"),
    (Gru, {"w": {"dtype": "int16"}}, "types_fit"),
    (Lstm, {"gives": "cells", "y": {"exponent": -9}}, "types_fit"),
    (Gru, {"w": {"exponent": (-7,) * 48}}, "weights_have_one_exponent"),
    (Gru, {"y": {"exponent": -6}}, "states_keep_their_exponent"),
    (
        Lstm,
        {"gives": "cells", "y": {"dtype": "int16", "exponent": -8}},
        "states_keep_their_exponent",
    ),
    (Gru, {"b": {"exponent": -13}}, "gate_exponent_is_usual"),
    (Gru, {"b": {"exponent": 1}}, "gate_exponent_is_usual"),
    (Gru, {"w": {"exponent": -33}}, "shifts_fit"),
    (Gru, {"w": {"exponent": 29}}, "shifts_fit"),
    (Lstm, {"r": {"exponent": -33}}, "shifts_fit"),
]


@pytest.mark.parametrize(("kind", "changed", "rule"), CASES)
def test_rule(kind, changed, rule):
    assert broken(layer(kind, **changed)) == {rule}


def test_sums_fit():
    """512 products of 2^30 need 40 bits and a sign; 511 do not, if 32 bits are left of them."""
    wide = {"inputs": 512, "x": {"shape": (2, 1, 512)}}
    for kind in KINDS:
        assert broken(layer(kind, "int16", **wide)) == {"sums_fit"}
        assert not broken(layer(kind, "int16", **wide), "esp32")  # 64 bits
        assert not broken(layer(kind, "int16", inputs=504))
        # Shifted by 7 bits only, the vector unit's result may need more than 32.
        near = {"w": {"exponent": -1}, "inputs": 504}
        assert broken(layer(kind, "int16", **near)) == {"sums_fit"}
        assert not broken(layer(kind, "int16", w={"exponent": -1}, inputs=503))
        assert broken(layer(kind, inputs=1 << 17), "esp32") == {"sums_fit"}
