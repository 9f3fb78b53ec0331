"""ONNX GRU and LSTM as opaque calls, one for each result; TVM's importer does not know them.

Absent biases and initial states are zeros. Forms that no call can express are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from tvm import relax

from ..ir import array_of, is_constant, shape_of
from ..layers import BIDIRECTIONAL, FORWARD, REVERSE, Layer

ACTIVATIONS = {"gru": ("sigmoid", "tanh"), "lstm": ("sigmoid", "tanh", "tanh")}
X, W, R, B, LENGTHS, INITIAL_H, INITIAL_C, PEEPHOLES = range(8)

Attributes = Mapping[str, Any]


def _gru(inputs: list[Any], attrs: Attributes) -> Any:
    return _results("gru", inputs, attrs)


def _lstm(inputs: list[Any], attrs: Attributes) -> Any:
    if attrs.get("input_forget", 0) or _given(inputs, PEEPHOLES) is not None:
        raise NotImplementedError("LSTM with peepholes or coupled gates is not supported")
    return _results("lstm", inputs, attrs)


def _results(kind: str, inputs: list[Any], attrs: Attributes) -> Any:
    """Y, Y_h and, of an lstm, Y_c."""
    batch_first = bool(attrs.get("layout", 0))
    _check(kind, inputs, attrs, batch_first)
    arguments = [*inputs[:B], *_filled(kind, inputs, batch_first)]
    layers = [
        Layer(
            kind,
            gives,
            _text(attrs.get("direction", FORWARD)),
            batch_first,
            bool(attrs.get("linear_before_reset", 0)) or kind == "lstm",
        )
        for gives in (("all", "last") if kind == "gru" else ("all", "last", "cells"))
    ]
    return relax.Tuple([layer.call(arguments) for layer in layers])


def _check(kind: str, inputs: list[Any], attrs: Attributes, batch_first: bool) -> None:
    steps = shape_of(inputs[X])[int(batch_first)]
    lengths = _given(inputs, LENGTHS)
    whole = lengths is None or (is_constant(lengths) and (array_of(lengths) == steps).all())
    names = [_text(name).lower() for name in attrs.get("activations", ())]
    direction = _text(attrs.get("direction", FORWARD))
    usual = names in ([], list(ACTIVATIONS[kind]), list(ACTIVATIONS[kind]) * 2)
    problems = {
        "sequences of several lengths": not whole,
        "other activations than sigmoid and tanh": not usual,
        "clipped gates": "clip" in attrs,
        f"direction {direction}": direction not in (FORWARD, REVERSE, BIDIRECTIONAL),
    }
    for problem, found in problems.items():
        if found:
            raise NotImplementedError(f"{kind.upper()} with {problem} is not supported")


def _filled(kind: str, inputs: list[Any], batch_first: bool) -> list[Any]:
    """Biases and initial states, zeros where the node has none."""
    x, (directions, rows, _) = shape_of(inputs[X]), shape_of(inputs[W])
    hidden, batch = shape_of(inputs[R])[2], x[0 if batch_first else 1]
    state = (batch, directions, hidden) if batch_first else (directions, batch, hidden)
    shapes = {B: (directions, 2 * rows), INITIAL_H: state}
    if kind == "lstm":
        shapes[INITIAL_C] = state
    zeros = {place: np.zeros(shape, np.float32) for place, shape in shapes.items()}
    given = {place: _given(inputs, place) for place in shapes}
    return [relax.const(zeros[p]) if given[p] is None else given[p] for p in shapes]


def _given(inputs: list[Any], place: int) -> Any:
    return inputs[place] if len(inputs) > place else None


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


CONVERTERS = {"GRU": _gru, "LSTM": _lstm}
