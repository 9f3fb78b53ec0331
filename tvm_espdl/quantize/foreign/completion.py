"""Finds ranges for the tensors that the quantizer of others left float.

Must never change a range that the model states: it only adds to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from onnx import ModelProto, NodeProto

from ...onnx_graphs.graph import Array, Graph
from ..calibration import watching
from .activations import AVERAGING, MOVING
from .inputs import DRAWN, random_inputs
from .strip import Range, Stripped

_BOUNDED = {
    "Tanh": (-1.0, 1.0),
    **dict.fromkeys(("Sigmoid", "HardSigmoid", "Softmax"), (0.0, 1.0)),
}


def complete_ranges(
    model: ModelProto,
    stripped: Stripped,
    samples: Iterable[Mapping[str, Array]] | None = None,
    *,
    seed: int = 0,
) -> dict[str, Range]:
    """Give every float tensor of a network a range, by name, constants excluded.

    The network is `stripped.model`, or what preprocessing made of it; the ranges that the quantized
    model stated stay as they are. What is only moved has the range of what it is moved from or to;
    the range of the rest is measured in onnxruntime, on `samples` or on `DRAWN` random ones within
    the inputs' ranges. With these, averages get the range of what they average, for noise averages
    to less than data do.

    Raises DataError if random inputs are needed and the range of an input is not known.
    """
    graph = Graph(model)
    known = dict(stripped.ranges)
    rules = {*MOVING, *_BOUNDED, "Relu"} | (set(AVERAGING) if samples is None else set())
    before = -1
    while len(known) != before:
        before = len(known)
        for node in reversed(graph.nodes):
            _backward(node, graph, known)
        for node in graph.nodes:
            _forward(node, graph, known, rules)
    names = [*graph.inputs, *(n for node in graph.nodes for n in node.output if n)]
    missing = [name for name in names if name not in known and graph.is_float(name)]
    if missing:
        drawn = random_inputs(stripped, DRAWN, seed) if samples is None else samples
        known.update(_measure(model, missing, drawn))
    return known


def _backward(node: NodeProto, graph: Graph, known: dict[str, Range]) -> None:
    if node.op_type not in MOVING or not node.input or len(node.output) != 1:
        return
    source, result = node.input[0], node.output[0]
    alone = len(graph.consumers(source)) == 1 and source not in graph.visible
    if alone and result in known and MOVING[node.op_type] == 1 and not graph.is_constant(source):
        known.setdefault(source, known[result])


def _forward(node: NodeProto, graph: Graph, known: dict[str, Range], rules: set[str]) -> None:
    if node.op_type not in rules:
        return
    found = _BOUNDED.get(node.op_type)
    if found is None:
        data = node.input[: MOVING.get(node.op_type, 1)]
        sources = [_range_of(name, graph, known) for name in data]
        ends = [span for span in sources if span is not None]
        if not ends or len(ends) < len(sources):
            return
        found = min(low for low, _ in ends), max(high for _, high in ends)
        if node.op_type == "Relu":
            found = max(found[0], 0.0), max(found[1], 0.0)
    for name in node.output:
        if name and graph.is_float(name):
            known.setdefault(name, found)


def _range_of(name: str, graph: Graph, known: dict[str, Range]) -> Range | None:
    if not graph.is_constant(name):
        return known.get(name)
    value = graph.constant(name)
    return (float(value.min()), float(value.max())) if value.size else None


def _measure(
    model: ModelProto, names: list[str], samples: Iterable[Mapping[str, Array]]
) -> dict[str, Range]:
    spans = dict.fromkeys(names, (np.inf, -np.inf))
    for tensors in map(watching(model, names, "the float model"), samples):
        for name, value in tensors.items():
            low, high = spans[name]
            least = float(value.min(initial=np.inf))
            spans[name] = min(low, least), max(high, float(value.max(initial=-np.inf)))
    return {name: (low, high) if low <= high else (0.0, 0.0) for name, (low, high) in spans.items()}
