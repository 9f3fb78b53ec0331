"""ONNX GRU and LSTM as opaque calls, one for each result; TVM's importer does not know them.

Absent biases and initial states are zeros. Forms that no call can express are refused.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from tvm import relax

from ..ir import shape_of
from ..layers import BIDIRECTIONAL, FORWARD, REVERSE, Layer
from .node import Node, text_of

ACTIVATIONS = {"gru": ("sigmoid", "tanh"), "lstm": ("sigmoid", "tanh", "tanh")}
X, W, R, B, LENGTHS, INITIAL_H, INITIAL_C, PEEPHOLES = range(8)


def _results(kind: str, node: Node) -> Any:
    """Y, Y_h and, of an lstm, Y_c."""
    batch_first = bool(node.attrs.get("layout", 0))
    direction = node.text("direction", FORWARD)
    _check(kind, node, batch_first, direction)
    arguments = [*node.inputs[:B], *_filled(kind, node, batch_first)]
    reset_after = bool(node.attrs.get("linear_before_reset", 0)) or kind == "lstm"
    layers = [
        Layer(kind, gives, direction, batch_first, reset_after)
        for gives in (("all", "last") if kind == "gru" else ("all", "last", "cells"))
    ]
    return relax.Tuple([layer.call(arguments) for layer in layers])


def _check(kind: str, node: Node, batch_first: bool, direction: str) -> None:
    coupled = node.attrs.get("input_forget", 0) or node.given(PEEPHOLES) is not None
    if kind == "lstm" and coupled:
        raise NotImplementedError("LSTM with peepholes or coupled gates is not supported")
    steps, lengths = shape_of(node.x)[int(batch_first)], node.constant(LENGTHS)
    whole = node.given(LENGTHS) is None or (lengths is not None and (lengths == steps).all())
    names = [text_of(name).lower() for name in node.attrs.get("activations", ())]
    usual = names in ([], list(ACTIVATIONS[kind]), list(ACTIVATIONS[kind]) * 2)
    problems = {
        "sequences of several lengths": not whole,
        "other activations than sigmoid and tanh": not usual,
        "clipped gates": "clip" in node.attrs,
        f"direction {direction}": direction not in (FORWARD, REVERSE, BIDIRECTIONAL),
    }
    for problem, found in problems.items():
        if found:
            raise NotImplementedError(f"{kind.upper()} with {problem} is not supported")


def _filled(kind: str, node: Node, batch_first: bool) -> list[Any]:
    """Biases and initial states, zeros where the node has none."""
    x, (directions, rows, _) = shape_of(node.x), shape_of(node.inputs[W])
    hidden, batch = shape_of(node.inputs[R])[2], x[0 if batch_first else 1]
    state = (batch, directions, hidden) if batch_first else (directions, batch, hidden)
    shapes = {B: (directions, 2 * rows), INITIAL_H: state}
    if kind == "lstm":
        shapes[INITIAL_C] = state
    given = {place: node.given(place) for place in shapes}
    zeros = {place: relax.const(np.zeros(shape, np.float32)) for place, shape in shapes.items()}
    return [zeros[place] if given[place] is None else given[place] for place in shapes]


CONVERTERS = {"GRU": partial(_results, "gru"), "LSTM": partial(_results, "lstm")}
