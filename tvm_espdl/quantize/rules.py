"""The table of quantized operator types: which inputs are data, and how the exponents relate.

Must never hold numbers of a network: exponents are chosen elsewhere, from these rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from onnx import NodeProto

from .graph import Graph, attribute

Kind = Literal["filter", "product", "own", "share", "clip", "align", "float_output", "bias"]


@dataclass(frozen=True)
class Rule:
    """How one operator type is quantized.

    Attributes
    ----------
    kind : str
        `filter`: constant weights with their own exponent, the output with its own.
        `product`: two data inputs whose exponents add up; the output has its own.
        `own`: the output has its own exponent.
        `share`: the outputs have the exponent of the input, which is moved or selected from.
        `clip`: like `share`, and values outside the limits need no room in the input's range.
        `align`: all inputs and the output have one exponent.
        `float_output`: the input is quantized, the output is float.
        `bias`: the Add of a constant vector after a matrix product, part of that product.
    data_inputs : int, tuple of int or None
        How many of the first inputs are data, or which ones; None means all. The others stay as
        they are.
    moves : bool
        Whether it only moves values: it is then quantized only beside a quantized operator.
    takes_relu : bool
        Whether a Relu after it is computed by the same kernel, with nothing between.
    """

    kind: Kind
    data_inputs: int | tuple[int, ...] | None = 1
    moves: bool = False
    takes_relu: bool = False


_FILTER = Rule("filter", takes_relu=True)
_OWN = Rule("own")
_MOVE = Rule("share", moves=True)

RULES: dict[str, Rule] = {
    "Conv": _FILTER,
    "Gemm": _FILTER,
    "MatMul": _FILTER,
    "ConvTranspose": Rule("filter"),
    "Add": Rule("align", None, takes_relu=True),
    "Sub": Rule("align", None),
    "Sum": Rule("align", None),
    "Max": Rule("align", None),
    "Min": Rule("align", None),
    "Concat": Rule("align", None, moves=True),
    "Mul": Rule("product", 2),
    "PRelu": Rule("share", 2),
    **dict.fromkeys(("Div", "Pow", "Mod"), Rule("own", 2)),
    "ScatterND": Rule("align", (0, 2)),
    "Relu": Rule("clip"),
    "Clip": Rule("clip"),
    "Softmax": Rule("float_output"),
    "LogSoftmax": Rule("float_output"),
    **dict.fromkeys(("AveragePool", "GlobalAveragePool", "ReduceMean", "ReduceSum"), _OWN),
    **dict.fromkeys(("Sigmoid", "Tanh", "HardSigmoid", "HardSwish", "Swish", "LeakyRelu"), _OWN),
    **dict.fromkeys(("Elu", "Gelu", "Exp", "Log", "Sqrt", "Softplus"), _OWN),
    **dict.fromkeys(("LayerNormalization", "RMSNormalization", "LpNormalization"), _OWN),
    **dict.fromkeys(("MaxPool", "GlobalMaxPool", "ReduceMax", "ReduceMin"), Rule("share")),
    "Neg": Rule("share"),
    **dict.fromkeys(("Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze"), _MOVE),
    **dict.fromkeys(("Slice", "Split", "Pad", "Gather", "Expand", "Tile", "Identity"), _MOVE),
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth", "ReverseSequence"), _MOVE),
    "Resize": _MOVE,
}


def rule_of(node: NodeProto, graph: Graph) -> Rule | None:
    """The rule that a node is quantized by, or None if it stays float.

    Parameters
    ----------
    node : NodeProto
        A node of a preprocessed network.
    graph : Graph
        The network it is in.
    """
    if node.domain not in ("", "ai.onnx") or node.op_type not in RULES:
        return None
    rule: Rule | None = RULES[node.op_type]
    if node.op_type in _CONDITIONS:
        rule = _CONDITIONS[node.op_type](node, graph)
    if rule is None:
        return None
    data = data_inputs(node, rule)
    floats = [*(name for _, name in data), *(name for name in node.output if name)]
    usable = data and all(graph.is_float(name) for name in floats)
    # Without a real input there is nothing to compute at run time.
    real = not all(graph.is_constant(name) for name in node.input if name)
    return rule if usable and real else None


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


def _constant_weights(node: NodeProto, graph: Graph) -> Rule | None:
    constant = all(graph.is_constant(name) for name in node.input[1:] if name)
    fits = constant and len(node.input) > 1 and not graph.is_constant(node.input[0])
    return (
        RULES[node.op_type] if fits and all(map(graph.is_float, filter(None, node.input))) else None
    )


def _gemm(node: NodeProto, graph: Graph) -> Rule | None:
    plain = not attribute(node, "transA", 0) and attribute(node, "transB", 0)
    factors = attribute(node, "alpha", 1.0), attribute(node, "beta", 1.0)
    if not plain or factors != (1.0, 1.0) or _constant_weights(node, graph) is None:
        return None
    bias = node.input[2] if len(node.input) > 2 else ""
    return RULES["Gemm"] if not bias or len(graph.shape(bias) or ()) == 1 else None


def _matmul(node: NodeProto, graph: Graph) -> Rule | None:
    if graph.is_constant(node.input[1]):
        return _constant_weights(node, graph)
    return Rule("product", 2, takes_relu=True)


def _clip(node: NodeProto, graph: Graph) -> Rule | None:
    constant = all(graph.is_constant(name) for name in node.input[1:] if name)
    return RULES["Clip"] if constant else None


def _single_output(node: NodeProto, graph: Graph) -> Rule | None:
    del graph
    return RULES[node.op_type] if not any(node.output[1:]) else None


def _constant_places(node: NodeProto, graph: Graph) -> Rule | None:
    """A scatter or a reversal whose indices are known beforehand."""
    return RULES[node.op_type] if graph.is_constant(node.input[1]) else None


def _remainder(node: NodeProto, graph: Graph) -> Rule | None:
    del graph
    return RULES["Mod"] if attribute(node, "fmod", 0) else None


def _prelu(node: NodeProto, graph: Graph) -> Rule | None:
    return RULES["PRelu"] if graph.is_constant(node.input[1]) else None


def _resize(node: NodeProto, graph: Graph) -> Rule | None:
    del graph
    mode = attribute(node, "mode", b"nearest").decode()
    return {"nearest": RULES["Resize"], "linear": Rule("align", 1)}.get(mode)


_CONDITIONS: dict[str, Callable[[NodeProto, Graph], Rule | None]] = {
    "Conv": _constant_weights,
    "ConvTranspose": _constant_weights,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Clip": _clip,
    "MaxPool": _single_output,
    "LayerNormalization": _single_output,
    "PRelu": _prelu,
    "ScatterND": _constant_places,
    "ReverseSequence": _constant_places,
    "Mod": _remainder,
    "Resize": _resize,
}


def select_rules(graph: Graph) -> dict[int, Rule]:
    """The rule of every node that is quantized, by its index.

    A node that only moves values is quantized if a quantized operator makes its input or reads its
    output, directly or through other such nodes; otherwise it stays float.
    """
    candidates = {
        index: rule
        for index, node in enumerate(graph.nodes)
        if (rule := rule_of(node, graph)) is not None
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
    quantized = (m for m in makers if m in kept and candidates[m].kind != "float_output")
    readers = (
        reader
        for name in node.output
        for reader in graph.consumers(name)
        if reader in kept
        and any(name == data for _, data in data_inputs(graph.nodes[reader], candidates[reader]))
    )
    return next(quantized, None) is not None or next(readers, None) is not None
