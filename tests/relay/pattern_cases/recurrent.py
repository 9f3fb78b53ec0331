"""Cases of the pattern table for recurrent layers."""

import numpy as np

from .forms import Form, case, integers

STEPS, INPUTS, HIDDEN = 2, 4, 5
SEQUENCE = (STEPS, 1, INPUTS)


def layer(kind, gates, *, directions=1, cells=None, **attributes):
    """Y of a layer with quantized weights, biases at 2^-9 and, where wanted, initial states."""

    def build(b, x):
        rows = gates * HIDDEN
        given = [
            b.weights(integers(directions, rows, INPUTS), -8),
            b.weights(integers(directions, rows, HIDDEN), -9),
            b.weights(integers(directions, 2 * rows, low=-99, dtype=np.int16), -9),
        ]
        if cells is not None:
            shape = (directions, 1, HIDDEN)
            dtype, exponent = cells
            given += ["", b.weights(integers(*shape), -4)]
            given.append(b.weights(integers(*shape, dtype=dtype), exponent))
        return b.node(kind, x, *given, outputs=2, hidden_size=HIDDEN, **attributes)[0]

    return build


def gru(**attributes):
    return layer("GRU", 3, **{"linear_before_reset": 1, **attributes})


def lstm(**attributes):
    return layer("LSTM", 4, **attributes)


def near(build, rule, shape=SEQUENCE):
    return Form(build, shape, rule=rule)


CASES = {
    "gru": case(
        gru(direction="bidirectional", directions=2),
        gru(linear_before_reset=0),
        "reset_is_behind_the_product",
        shape=SEQUENCE,
    ),
    "lstm": case(
        lstm(cells=(np.int16, -9)),
        lstm(cells=(np.int8, -4)),
        "cells_are_at_the_gates_exponent",
        shape=SEQUENCE,
    ),
}
FURTHER = {
    "gru": [
        near(gru(direction="reverse"), "direction_is_forward"),
        near(gru(activations=["Sigmoid", "Relu"]), "gates_are_usual"),
        near(gru(), "batch_is_one", (STEPS, 2, INPUTS)),
        Form(gru(), SEQUENCE, exponent=None),
    ],
    "lstm": [near(lstm(input_forget=1), "gates_are_usual")],
}
