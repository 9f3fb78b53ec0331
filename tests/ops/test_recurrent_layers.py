"""What recurrent layers compute: against onnxruntime in float, and where integers end."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor
from tvm_espdl.ops.base.gates import (
    dot_products,
    sigmoid_of,
    sigmoid_table,
    tanh_of,
    tanh_table,
    wrapped,
)
from tvm_espdl.ops.gru import Gru
from tvm_espdl.ops.lstm import Lstm
from tvm_espdl.runtime.host.run import run_operators
from tvm_espdl.selftest.c_engine import Item, run_c

CHIPS = ("esp32", "esp32s3", "esp32p4")
KINDS = {"GRU": (Gru, 3), "LSTM": (Lstm, 4)}
STEPS, INPUTS = 6, 16
GATE = 2.0**-9


def by_onnxruntime(kind, directions, arrays):
    """Y, Y_h and, of an LSTM, Y_c."""
    names = ["X", "W", "R", "B", "", "h", "c"][: 7 if kind == "LSTM" else 6]
    outputs = ["Y", "Y_h", "Y_c"][: 3 if kind == "LSTM" else 2]
    attributes = {"linear_before_reset": 1} if kind == "GRU" else {}
    direction = "bidirectional" if directions == 2 else "forward"
    hidden = arrays["R"].shape[2]
    node = helper.make_node(
        kind, names, outputs, hidden_size=hidden, direction=direction, **attributes
    )
    infos = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, arrays[n].shape) for n in names if n
    ]
    results = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs]
    graph = helper.make_graph([node], "layer", infos, results)
    opsets = [helper.make_opsetid("", 14)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {name: arrays[name] for name in names if name})


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("hidden", [16, 21])
@pytest.mark.parametrize("kind", KINDS)
def test_layer_is_that_of_onnx(kind, hidden, directions, dtype, chip):
    """Within the gates' exponent and a step of the result: no gate and no direction is another."""
    made, gates = KINDS[kind]
    rng = np.random.default_rng([4, hidden, directions])
    limit, exponent = np.iinfo(dtype).max, -7 if dtype == "int8" else -15

    def integers(shape, share):
        return (rng.uniform(-share, share, shape) * limit).astype(dtype)

    rows, state = gates * hidden, (directions, 1, hidden)
    x, h = integers((STEPS, 1, INPUTS), 1), integers(state, 0.7)
    w = integers((directions, rows, INPUTS), 0.6)
    r = integers((directions, rows, hidden), 0.4)
    b = rng.integers(-512, 513, (directions, 2 * rows)).astype(np.int16)
    c = rng.integers(-512, 513, state).astype(np.int16)
    unit = np.float32(2.0**exponent)
    real = {name: array * unit for name, array in (("X", x), ("W", w), ("R", r), ("h", h))}
    real |= {"B": b * np.float32(GATE), "c": c * np.float32(GATE)}
    types = {
        "all": Tensor(dtype, (STEPS, *state), exponent),
        "last": Tensor(dtype, state, exponent),
        "cells": Tensor("int16", state, -9),
    }
    wanted = by_onnxruntime(kind, directions, real)
    for expected, (gives, y) in zip(wanted, types.items(), strict=False):
        data = [Tensor(dtype, a.shape, exponent) for a in (x, h, w, r)]
        operator = made(*data, Tensor("int16", b.shape, -9), y, gives)
        states = (h, c) if kind == "LSTM" else (h,)
        found = operator.reference(find_chip(chip), x, *states, w, r, b)
        error = np.abs(found * 2.0**y.exponent - expected).max()
        assert error < 2 * GATE + (2.0**-7 if dtype == "int8" else 0)
        assert np.abs(expected).max() > 0.3


def test_tables_over_all_of_int16():
    index = np.arange(-(1 << 15), 1 << 15)
    x = index * GATE
    sigmoid = sigmoid_of(sigmoid_table(-9), index)
    tanh = tanh_of(tanh_table(-9), index)
    assert sigmoid.dtype == tanh.dtype == np.float32
    # Float32 inside, constant outside.
    inside = np.abs(x) <= 6.3
    assert np.abs(sigmoid - 1 / (1 + np.exp(-x)))[inside].max() < 2e-7
    assert np.abs(sigmoid - 1 / (1 + np.exp(-x))).max() < 2e-3
    inside = np.abs(x) <= 3.5
    assert np.abs(tanh - np.tanh(x))[inside].max() < 3e-7
    assert np.abs(tanh - np.tanh(x)).max() < 2e-3
    assert np.all(np.diff(sigmoid) >= 0) and np.all(np.diff(tanh) >= 0)
    assert np.array_equal(tanh[1:], -tanh[1:][::-1])


# A row of int16 whose product with ones is the sum that is wanted.
def row_of(total, length):
    row = np.zeros(length, np.int16)
    for place in range(length):
        row[place] = np.clip(total, -32768, 32767)
        total -= int(row[place])
    assert total == 0
    return row[None]


@pytest.mark.parametrize(
    ("chip", "length", "shift", "total", "wanted"),
    [
        ("esp32", 8, 1, 3, 2),
        ("esp32", 8, 1, -3, -1),
        ("esp32s3", 8, 1, 3, 2),
        ("esp32s3", 8, 1, -3, -1),
        ("esp32p4", 8, 1, 1, 0),
        ("esp32p4", 8, 1, 3, 2),
        ("esp32p4", 9, 1, 5, 2),
        ("esp32s3", 8, 0, 70000, 32767),
        ("esp32p4", 8, 0, -70000, -32768),
        ("esp32s3", 8, -4, 5, 80),
        ("esp32p4", 8, -12, 9, 32767),
    ],
)
def test_sums_are_rounded_and_saturated(chip, length, shift, total, wanted):
    ones = np.ones(length, np.int16)
    assert dot_products(row_of(total, length), ones, shift, find_chip(chip)) == wanted


@pytest.mark.parametrize(
    ("chip", "length", "wanted"),
    [("esp32", 8, 4097), ("esp32s3", 8, 4096), ("esp32s3", 9, 4097), ("esp32p4", 8, 4096)],
)
def test_large_sums_lose_digits_where_they_become_floats(chip, length, wanted):
    """2^25 + 2^12 - 1 is just below a tie, and a tie in float32."""
    row = np.zeros((1, length), np.int16)
    row[0, :3] = 1 << 14, 1 << 12, 1
    vector = np.zeros(length, np.int16)
    vector[:3] = 1 << 11, 1, -1
    assert dot_products(row, vector, 13, find_chip(chip)) == wanted


def test_sums_of_gates_wrap_around():
    assert wrapped(np.array([32768, -32769, 65536, 5])).tolist() == [-32768, 32767, 0, 5]


def saturated_lstm(chip):
    """Gates open, cells at the end of int16: one more step goes round."""
    state, rows = Tensor("int8", (1, 1, 8), -7), 32
    operator = Lstm(
        Tensor("int8", (1, 1, 8), -7),
        state,
        Tensor("int8", (1, rows, 8), -7),
        Tensor("int8", (1, rows, 8), -7),
        Tensor("int16", (1, 2 * rows), -9),
        Tensor("int16", (1, 1, 8), -9),
        "cells",
    )
    zeros = [np.zeros(t.shape, t.dtype) for t in (operator.x, operator.h, operator.w, operator.r)]
    b = np.zeros((1, 2 * rows), np.int16)
    b[0, :rows] = 30000
    c = np.full((1, 1, 8), 32767, np.int16)
    return Item(operator, find_chip(chip), (zeros[2], zeros[3], b), (zeros[0], zeros[1], c))


def test_cells_wrap_around(c_compiler):
    items = [saturated_lstm(chip) for chip in CHIPS]
    found = [i.operator.reference(i.chip, *i.inputs, *i.constants) for i in items]
    # sigmoid(6.3) * 32767 + sigmoid(6.3) * tanh(3.5) * 512, less 65536
    gate, new = 1 / (1 + np.exp(-6.3)), np.tanh(3.5)
    wanted = gate * 32767 + gate * new * 512 - 65536
    assert all(np.abs(result - wanted).max() <= 2 for result in found)
    in_c = run_c(items, compiler=c_compiler)
    on_host = run_operators([(i.operator, i.chip, (*i.inputs, *i.constants)) for i in items])
    for result, c_result, host_result in zip(found, in_c, on_host, strict=True):
        assert np.array_equal(result, c_result)
        assert np.array_equal(result, host_result)
