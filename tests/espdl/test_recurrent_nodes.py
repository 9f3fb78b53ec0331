"""GRU and LSTM nodes: which results become which calls, initial states, and what is refused."""

import numpy as np
import pytest
from small_models import attributes, model, tensor, value, write

from tvm_espdl.chips import find_chip
from tvm_espdl.compilation import compile_espdl
from tvm_espdl.errors import EspdlWarning, ModelError
from tvm_espdl.espdl import Node, load
from tvm_espdl.espdl.to_program import program_of
from tvm_espdl.ops import Tensor
from tvm_espdl.ops.gru import Gru
from tvm_espdl.ops.lstm import Lstm
from tvm_espdl.program import reference

STEPS, INPUTS, HIDDEN, GATE, EXPONENT = 4, 16, 5, -9, -7
KINDS = {"GRU": (Gru, 3), "LSTM": (Lstm, 4)}
RESULTS = ("y", "h_last", "c_last")


def arrays(kind, directions=1, seed=12):
    rng, rows = np.random.default_rng(seed), KINDS[kind][1] * HIDDEN
    w, r = (
        rng.integers(-60, 61, (directions, rows, size)).astype(np.int8) for size in (INPUTS, HIDDEN)
    )
    b = rng.integers(-512, 513, (directions, 2 * rows)).astype(np.int16)
    x = rng.integers(-128, 128, (STEPS, 1, INPUTS)).astype(np.int8)
    return x, w, r, b


def layer(
    kind,
    outputs,
    *,
    directions=1,
    states=None,
    bias=True,
    y_exponent=EXPONENT,
    shape=(STEPS, 1, INPUTS),
    batch=1,
    **given,
):
    """A file of one node; `states` names initial states that are inputs of the network."""
    _, w, r, b = arrays(kind, directions)
    last = (directions, batch, HIDDEN)
    defaults = {"GRU": {"linear_before_reset": 1}, "LSTM": {}}[kind]
    given = {
        "hidden_size": HIDDEN,
        "direction": "bidirectional" if directions == 2 else "forward",
        "gate_exponent": GATE,
        "quant_type": "S8",
        **defaults,
        **given,
    }
    values = [
        value("x", shape, EXPONENT),
        value("y", (STEPS, *last), y_exponent),
        value("h_last", last, EXPONENT),
        value("c_last", last, GATE, "int16"),
        value("h", last, EXPONENT),
        value("c", last, GATE, "int16"),
    ]
    states = states or []
    inputs = ["x", "w", "r", "b" if bias else "", "", *states]
    count = 2 if kind == "GRU" else 3
    node = Node(kind, tuple(inputs), RESULTS[:count], attributes(**given), name="layer")
    constants = [tensor("w", w, EXPONENT), tensor("r", r, EXPONENT), tensor("b", b, GATE)]
    entering = ["x", *(name for name in states if name)]
    return load(write(model([node], values, entering, outputs, constants)))


def expected(kind, gives, directions=1, states=(), bias=True):
    made, _ = KINDS[kind]
    x, w, r, b = arrays(kind, directions)
    last = (directions, 1, HIDDEN)
    hidden, cells = Tensor("int8", last, EXPONENT), Tensor("int16", last, GATE)
    y = {"all": Tensor("int8", (STEPS, *last), EXPONENT), "last": hidden, "cells": cells}[gives]
    operator = made(
        Tensor("int8", x.shape, EXPONENT),
        hidden,
        Tensor("int8", w.shape, EXPONENT),
        Tensor("int8", r.shape, EXPONENT),
        Tensor("int16", b.shape, GATE),
        y,
        gives,
    )
    count = len(operator.inputs) - 1
    given = states or [np.zeros(last, np.int8), np.zeros(last, np.int16)][:count]
    biases = b if bias else np.zeros_like(b)
    return operator.reference(find_chip("esp32s3"), x, *given, w, r, biases)


def operators(file):
    return [step.operator.name for step in program_of(file, find_chip("esp32s3")).steps]


def evaluated(file, kind, directions=1, **states):
    given = {"x": arrays(kind, directions)[0], **states}
    return reference.outputs(program_of(file, find_chip("esp32s3")), given)


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_all_hidden_states_and_the_last_ones(kind, directions):
    """The last ones are cut out of all; where only they are read, they are all that is made."""
    both = layer(kind, ["y", "h_last"], directions=directions)
    values = evaluated(both, kind, directions)
    assert np.array_equal(values["y"], expected(kind, "all", directions))
    assert np.array_equal(values["h_last"], expected(kind, "last", directions))
    assert operators(both).count(kind.lower()) == 1
    alone = layer(kind, ["h_last"], directions=directions)
    assert operators(alone) == [kind.lower()]
    assert np.array_equal(evaluated(alone, kind, directions)["h_last"], values["h_last"])


def test_cells_and_initial_states():
    rng = np.random.default_rng(13)
    h = rng.integers(-128, 128, (2, 1, HIDDEN)).astype(np.int8)
    c = rng.integers(-999, 999, (2, 1, HIDDEN)).astype(np.int16)
    file = layer("LSTM", ["y", "c_last"], directions=2, states=["h", "c"])
    values = evaluated(file, "LSTM", 2, h=h, c=c)
    assert np.array_equal(values["y"], expected("LSTM", "all", 2, (h, c)))
    assert np.array_equal(values["c_last"], expected("LSTM", "cells", 2, (h, c)))


def test_no_biases_are_zeros():
    file = layer("GRU", ["y"], bias=False)
    assert np.array_equal(evaluated(file, "GRU")["y"], expected("GRU", "all", bias=False))


def test_the_batch_may_come_first():
    """With a batch of 1 the elements lie alike; results have the runtime's own shape."""
    file = layer("GRU", ["y"], layout=1, shape=(1, STEPS, INPUTS))
    x = arrays("GRU")[0].reshape(1, STEPS, INPUTS)
    values = reference.outputs(program_of(file, find_chip("esp32s3")), {"x": x})
    assert np.array_equal(values["y"], expected("GRU", "all"))


def test_a_reverse_layer_runs_forward_as_on_the_chip():
    with pytest.warns(EspdlWarning, match="runs a reverse layer forward"):
        values = evaluated(layer("GRU", ["y"], direction="reverse"), "GRU")
    assert np.array_equal(values["y"], expected("GRU", "all"))


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_several_sequences_are_computed_one_after_the_other(kind, directions):
    rng = np.random.default_rng(14)
    x = rng.integers(-128, 128, (STEPS, 3, INPUTS)).astype(np.int8)
    h = rng.integers(-128, 128, (directions, 3, HIDDEN)).astype(np.int8)
    outputs = ["y", "h_last"] if kind == "GRU" else ["y", "h_last", "c_last"]
    given = {"directions": directions, "states": ["h"]}
    file = layer(kind, outputs, shape=x.shape, batch=3, **given)
    with pytest.warns(EspdlWarning, match="one sequence. Found: 3. Here it is one after the other"):
        found = reference.outputs(program_of(file, find_chip("esp32s3")), {"x": x, "h": h})
    single = program_of(layer(kind, outputs, **given), find_chip("esp32s3"))
    for n in range(3):
        inputs = {"x": x[:, n : n + 1], "h": h[:, n : n + 1]}
        for name, result in reference.outputs(single, inputs).items():
            assert np.array_equal(found[name][..., n : n + 1, :], result)


@pytest.mark.parametrize("kind", KINDS)
def test_library_has_the_same_bits(kind):
    library = compile_espdl(layer(kind, ["y", "h_last"], directions=2), "esp32s3")
    y, last = library(arrays(kind, 2)[0])
    assert np.array_equal(y, expected(kind, "all", 2))
    assert np.array_equal(last, expected(kind, "last", 2))


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("GRU", {"linear_before_reset": 0}, "reset gate before the product"),
        ("LSTM", {"input_forget": 1}, "coupled gates"),
        ("GRU", {"y_exponent": -6}, "hidden states of several exponents"),
        ("GRU", {"shape": (2, STEPS, INPUTS), "layout": 1}, "a batch, of which"),
        ("GRU", {"shape": (STEPS, INPUTS)}, "three dimensions"),
        ("LSTM", {"direction": "bidirectional"}, "other directions"),
        ("LSTM", {"states": ["c", "c"]}, "an initial state"),
        ("LSTM", {"gate_exponent": -20}, "tables that fit the chip"),
    ],
)
def test_layers_that_no_chip_has(kind, given, said):
    with pytest.raises(ModelError, match=said):
        program_of(layer(kind, ["y"], **given), find_chip("esp32s3"))
