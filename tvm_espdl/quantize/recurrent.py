"""Recurrent layers as ONNX has them: which of them the chip computes, and their hidden states.

Must never choose an exponent; that of the gates is the one which ESP-PPQ and the compiler have.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import onnx
from onnx import ModelProto, NodeProto

from ..onnx_graphs.graph import Graph, attribute
from ..onnx_graphs.new_names import NewNames
from .rule import Rule

#: Places of the inputs.
X, W, R, BIAS, LENGTHS, INITIAL_H, INITIAL_C, PEEPHOLES = range(8)

#: Places of the outputs.
STATES, LAST_STATE, CELLS = range(3)

#: Exponent of the sums that gates are functions of, of biases and of cells: int16, -64 to 64.
GATE_EXPONENT = -9

_ACTIVATIONS = {"GRU": ("sigmoid", "tanh"), "LSTM": ("sigmoid", "tanh", "tanh")}


def recurrent(node: NodeProto, graph: Graph, rule: Rule) -> Rule | str:
    """The rule of a GRU or LSTM, or why the chip does not compute it."""
    return next(_objections(node, graph), rule)


def _objections(node: NodeProto, graph: Graph) -> Iterator[str]:
    given = dict(enumerate(node.input))
    if not all(graph.is_constant(given[place]) for place in (W, R, BIAS) if given.get(place)):
        yield "its weights are not constant"
    if attribute(node, "direction", b"forward") == b"reverse":
        yield "ESP-DL runs a reverse layer forward; reverse the sequence around a forward layer"
    if node.op_type == "GRU" and not attribute(node, "linear_before_reset", 0):
        yield "ESP-DL resets behind the product, as PyTorch does: linear_before_reset=1"
    if not _has_usual_gates(node) or given.get(PEEPHOLES):
        yield "ESP-DL has sigmoid and tanh, without clipping, coupled gates or peepholes"
    shape = graph.shape(given[X]) or (0, 0, 0)
    steps, batch = shape[::-1][1:] if attribute(node, "layout", 0) else shape[:2]
    if batch != 1:
        yield "ESP-DL goes through one sequence: a batch of 1"
    lengths = given.get(LENGTHS)
    if lengths and not (graph.is_constant(lengths) and (graph.constant(lengths) == steps).all()):
        yield "its sequences have several lengths"
    if given.get(BIAS) and graph.is_constant(given[BIAS]):
        most = float(np.abs(graph.constant(given[BIAS])).max())
        if most >= 2.0 ** (15 + GATE_EXPONENT):
            yield f"its biases, up to {most:g}, do not fit the 16 bits of the chip's gates"
    if not any(graph.consumers(n) or n in graph.visible for n in node.output[:CELLS] if n):
        yield "only its cells are read"


def _has_usual_gates(node: NodeProto) -> bool:
    names = [name.decode().lower() for name in attribute(node, "activations", [])]
    usual = list(_ACTIVATIONS[node.op_type])
    changed = attribute(node, "input_forget", 0) or attribute(node, "clip", None) is not None
    return names in ([], usual, usual * 2) and not changed


def has_layers(model: ModelProto) -> bool:
    """Whether the chip computes a recurrent layer of the model: it has biases in int16."""
    graph = Graph(model)
    layers = (node for node in graph.nodes if node.op_type in _ACTIVATIONS)
    return any(next(_objections(node, graph), "") == "" for node in layers)


def name_states(model: ModelProto) -> ModelProto:
    """The model with a name for all hidden states of each layer, also where only the last are read.

    They have the exponent of those that are read, so that calibration has to see them.
    """
    named = copy.deepcopy(model)
    names = NewNames(named)
    changed = False
    for node in named.graph.node:
        if node.op_type in _ACTIVATIONS and node.output and not node.output[STATES]:
            node.output[STATES] = names.fresh(f"{node.name or next(filter(None, node.output))}_all")
            changed = True
    return onnx.shape_inference.infer_shapes(named, data_prop=True) if changed else model
