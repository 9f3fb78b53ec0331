"""ONNX GRU, LSTM and RNN as opaque calls, one for each result; TVM's importer does not know them.

Absent biases and initial states are zeros. Nothing is decided here about what a chip computes.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from tvm import relax

from ..gate_functions import DEFAULTS, FUNCTIONS
from ..ir import dtype_of, shape_of
from ..layers import BIDIRECTIONAL, FORWARD, REVERSE, USUAL, Layer
from .node import Node, text_of

X, W, R, B, LENGTHS, INITIAL_H, INITIAL_C, PEEPHOLES = range(8)
GIVES = {"gru": ("all", "last"), "lstm": ("all", "last", "cells"), "rnn": ("all", "last")}


def _results(kind: str, node: Node) -> Any:
    """Y, Y_h and, of an lstm, Y_c."""
    batch_first = bool(node.attrs.get("layout", 0))
    direction = node.text("direction", FORWARD).lower()
    if direction not in (FORWARD, REVERSE, BIDIRECTIONAL):
        raise NotImplementedError(f"{kind.upper()} has no direction {direction}")
    steps, lengths = shape_of(node.x)[int(batch_first)], node.constant(LENGTHS)
    is_whole = node.given(LENGTHS) is None or (lengths is not None and (lengths == steps).all())
    peepholes = node.given(PEEPHOLES) if kind == "lstm" else None
    arguments = [*node.inputs[:B], *_filled(kind, node, batch_first)]
    arguments += [] if is_whole else [node.given(LENGTHS)]
    arguments += [] if peepholes is None else [peepholes]
    made = partial(
        Layer,
        direction=direction,
        batch_first=batch_first,
        reset_after=bool(node.attrs.get("linear_before_reset", 0)) or kind != "gru",
        activations=_activations(kind, node),
        clip=float(node.attrs.get("clip", 0.0)),
        is_coupled=kind == "lstm" and bool(node.attrs.get("input_forget", 0)),
        has_lengths=not is_whole,
        has_peepholes=peepholes is not None,
    )
    return relax.Tuple([made(kind, gives).call(arguments) for gives in GIVES[kind]])


def _activations(kind: str, node: Node) -> str:
    """The functions of all directions in `Layer`'s form; "" for the usual ones.

    Alphas and betas are consumed in the order of those functions that have one.
    """
    names = [text_of(name).lower() for name in node.attrs.get("activations", ())]
    usual = USUAL[kind].split(",")
    if names in ([], usual, usual * 2):
        return ""
    alphas, betas = (iter(node.attrs.get(f"activation_{n}", ())) for n in ("alpha", "beta"))
    functions = []
    for name in names:
        if name not in FUNCTIONS:
            raise NotImplementedError(f"{kind.upper()} has no activation {name}")
        given = zip(DEFAULTS.get(name, ()), (alphas, betas), strict=False)
        functions.append(" ".join([name, *(repr(float(next(v, d))) for d, v in given)]))
    count = len(usual)
    if len(names) not in (count, 2 * count):
        raise NotImplementedError(f"{kind.upper()} with {len(names)} activations, not {count}")
    return ";".join(",".join(functions[n : n + count]) for n in range(0, len(names), count))


def _filled(kind: str, node: Node, batch_first: bool) -> list[Any]:
    """Biases and initial states, zeros where the node has none."""
    x, (directions, rows, _) = shape_of(node.x), shape_of(node.inputs[W])
    hidden, batch = shape_of(node.inputs[R])[2], x[0 if batch_first else 1]
    state = (batch, directions, hidden) if batch_first else (directions, batch, hidden)
    shapes = {B: (directions, 2 * rows), INITIAL_H: state}
    if kind == "lstm":
        shapes[INITIAL_C] = state
    given = {place: node.given(place) for place in shapes}
    dtype = dtype_of(node.x)
    zeros = {place: relax.const(np.zeros(shape, dtype)) for place, shape in shapes.items()}
    return [zeros[place] if given[place] is None else given[place] for place in shapes]


CONVERTERS = {kind.upper(): partial(_results, kind) for kind in GIVES}
