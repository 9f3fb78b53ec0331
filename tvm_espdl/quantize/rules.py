"""The table of quantized operator types: which inputs are data, and how the exponents relate.

Must never hold numbers of a network: exponents are chosen elsewhere, from these rules.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

import numpy as np
from onnx import NodeProto

from ..onnx_graphs.graph import Graph
from ..ops.base.broadcast import Broadcast
from ..ops.base.registry import declared
from .conditions import CONDITIONS
from .recurrent import BIAS, INITIAL_C, INITIAL_H, R, W, X
from .rule import Rule

_FILTER = Rule("filter", takes_relu=True)
_OWN = Rule("own")
_MOVE = Rule("share", moves=True)


def _declared() -> dict[str, Rule]:
    """The rules of ordinary operators, by the type of the ONNX node."""
    found = {}
    for kind in declared():
        form = kind.form
        assert form is not None
        places = 2 if issubclass(kind, Broadcast) else 1
        found[form.onnx] = Rule(
            form.exponents,
            None if form.exponents == "align" else places,
            moves=form.exponents == "compare",
            takes_relu=form.takes_relu,
        )
    return found


RULES: dict[str, Rule] = {
    **_declared(),
    "Conv": _FILTER,
    "Gemm": _FILTER,
    "MatMul": _FILTER,
    "ConvTranspose": Rule("filter"),
    "Sum": Rule("align", None),
    "Concat": Rule("align", None, moves=True),
    "PRelu": Rule("share", 2),
    "ScatterND": Rule("align", (0, 2)),
    "Clip": Rule("clip"),
    "Softmax": Rule("float_output"),
    "LogSoftmax": Rule("float_output"),
    **dict.fromkeys(("AveragePool", "GlobalAveragePool"), _OWN),
    **dict.fromkeys(("RMSNormalization", "LpNormalization"), _OWN),
    "LayerNormalization": Rule("own", 3),
    **dict.fromkeys(("MaxPool", "GlobalMaxPool"), Rule("share")),
    **dict.fromkeys(("Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze"), _MOVE),
    **dict.fromkeys(("Slice", "Split", "Pad", "Gather", "Expand", "Tile", "Identity"), _MOVE),
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth", "ReverseSequence"), _MOVE),
    "Resize": _MOVE,
    "GRU": Rule("recurrent", (X, W, R, BIAS, INITIAL_H)),
    "LSTM": Rule("recurrent", (X, W, R, BIAS, INITIAL_H, INITIAL_C)),
}


def rule_of(node: NodeProto, graph: Graph) -> Rule | str:
    """The rule that a node is quantized by, or why it stays float.

    Parameters
    ----------
    node : NodeProto
        A node of a preprocessed network.
    graph : Graph
        The network it is in.
    """
    if node.domain not in ("", "ai.onnx") or node.op_type not in RULES:
        if node.op_type == "If":
            return "it chooses by an input, which `preprocess --input_value` makes a constant"
        if node.domain not in ("", "ai.onnx"):
            return f"it is an operator of {node.domain}, not of ONNX"
        return "no rule quantizes this operator"
    rule: Rule | str = RULES[node.op_type]
    if isinstance(rule, Rule) and node.op_type in CONDITIONS:
        rule = CONDITIONS[node.op_type](node, graph, rule)
    if isinstance(rule, str):
        return rule
    floats = [name for _, name in data_inputs(node, rule)]
    # Without a real input there is nothing to compute at run time.
    if not floats or all(graph.is_constant(name) for name in node.input if name):
        return "all that it reads is constant"
    if rule.kind != "compare":
        floats += [name for name in node.output if name]
    return rule if all(graph.is_float(name) for name in floats) else "its data are not float32"


def why_float(index: int, graph: Graph) -> str:
    """Why a node stays float that `select_rules` has left out."""
    found = rule_of(graph.nodes[index], graph)
    if isinstance(found, str):
        return found
    return "it only moves or compares what operators in float make"


def data_inputs(node: NodeProto, rule: Rule) -> list[tuple[int, str]]:
    """Position and name of each input that holds data."""
    places: Iterable[int] = range(len(node.input))
    if rule.data_inputs is not None:
        chosen = rule.data_inputs
        wanted = range(chosen) if isinstance(chosen, int) else chosen
        places = [place for place in wanted if place < len(node.input)]
    return [(place, node.input[place]) for place in places if node.input[place]]


def is_relu(node: NodeProto) -> bool:
    """Whether the node is max(x, 0)."""
    return bool(node.op_type == "Relu")


def clip_limits(node: NodeProto, graph: Graph) -> tuple[float, float]:
    """The limits of a Clip whose limits are constants; infinite where there is none."""
    limits = [-np.inf, np.inf]
    for place, name in enumerate(node.input[1:3]):
        if name:
            limits[place] = float(graph.constant(name).reshape(()))
    return limits[0], limits[1]


def select_rules(graph: Graph, without: Container[int] = ()) -> dict[int, Rule]:
    """The rule of every node that is quantized, by its index; those of `without` are not.

    A node that only moves or compares values is quantized if a quantized operator makes its input
    or reads its output, directly or through other such nodes; otherwise it stays float.
    """
    candidates = {
        index: rule
        for index, node in enumerate(graph.nodes)
        if index not in without and isinstance(rule := rule_of(node, graph), Rule)
    }
    kept = {index for index, rule in candidates.items() if not rule.moves}
    waiting = set(candidates) - kept
    grown = True
    while grown:
        beside = {i for i in sorted(waiting) if _beside_quantized(i, graph, candidates, kept)}
        kept |= beside
        waiting -= beside
        grown = bool(beside)
    return {index: candidates[index] for index in sorted(kept)}


def _beside_quantized(
    index: int, graph: Graph, candidates: dict[int, Rule], kept: set[int]
) -> bool:
    node = graph.nodes[index]
    makers = (graph.producer(name) for _, name in data_inputs(node, candidates[index]))
    quantized = (m for m in makers if m in kept and candidates[m].gives_integers)
    readers = (
        reader
        for name in node.output
        for reader in graph.consumers(name)
        if reader in kept
        and any(name == data for _, data in data_inputs(graph.nodes[reader], candidates[reader]))
    )
    return next(quantized, None) is not None or next(readers, None) is not None
