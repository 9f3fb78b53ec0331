"""Which nodes of an operator type with a rule the chip has no kernel for, and why.

A condition gives the rule that a node is quantized by, or a sentence on why it stays float. It
must never look at the values of activations.
"""

from __future__ import annotations

from collections.abc import Callable

from onnx import NodeProto

from ..onnx_graphs.graph import Graph, attribute
from ..ops.base.registry import declared
from .recurrent import recurrent
from .rule import Rule

Condition = Callable[[NodeProto, Graph, Rule], Rule | str]


def _constant_weights(node: NodeProto, graph: Graph, rule: Rule) -> Rule | str:
    if len(node.input) < 2 or not all(graph.is_constant(name) for name in node.input[1:] if name):
        return "its weights are not constant"
    if graph.is_constant(node.input[0]):
        return "what it multiplies is constant"
    if any(0 in (graph.shape(name) or ()) for name in node.input[1:] if name):
        return "its weights have no elements"
    floats = all(graph.is_float(name) for name in node.input if name)
    return rule if floats else "its weights are not float32"


def _gemm(node: NodeProto, graph: Graph, rule: Rule) -> Rule | str:
    plain = not attribute(node, "transA", 0) and attribute(node, "transB", 0)
    factors = attribute(node, "alpha", 1.0), attribute(node, "beta", 1.0)
    if not plain or factors != (1.0, 1.0):
        return "it transposes its input or has factors; the step normalize_gemm removes what it can"
    bias = node.input[2] if len(node.input) > 2 else ""
    if bias and len(graph.shape(bias) or ()) != 1:
        return "its bias is no vector"
    return _constant_weights(node, graph, rule)


def _matmul(node: NodeProto, graph: Graph, rule: Rule) -> Rule | str:
    if graph.is_constant(node.input[1]):
        return _constant_weights(node, graph, rule)
    return Rule("product", 2, takes_relu=True)


def _constant(what: str, last: int | None = None) -> Condition:
    """The inputs behind the first, up to before `last`, are known beforehand."""

    def condition(node: NodeProto, graph: Graph, rule: Rule) -> Rule | str:
        constant = all(graph.is_constant(name) for name in node.input[1:last] if name)
        return rule if constant else f"its {what} are not constant"

    return condition


def _has(name: str, default: float, wanted: float, refusal: str) -> Condition:
    """An attribute has the one value that the chip knows."""
    return lambda node, graph, rule: rule if attribute(node, name, default) == wanted else refusal


def _single_output(node: NodeProto, graph: Graph, rule: Rule) -> Rule | str:
    del graph
    return "more than its first output is read" if any(node.output[1:]) else rule


def _layer_norm(node: NodeProto, graph: Graph, rule: Rule) -> Rule | str:
    """Scale and bias are constants of their own exponents, with a value for each element."""
    axis, shape = attribute(node, "axis", -1), graph.shape(node.input[0]) or ()
    given = [name for name in node.input[1:] if name]
    if not all(graph.is_constant(name) for name in given):
        return "its scale and bias are not constant"
    if any(tuple(graph.shape(name) or ()) != tuple(shape[axis:]) for name in given):
        return "its scale and bias have no value for each normalized element"
    return _single_output(node, graph, rule)


def _resize(node: NodeProto, graph: Graph, rule: Rule) -> Rule | str:
    del graph
    mode = attribute(node, "mode", b"nearest").decode()
    if mode not in ("nearest", "linear"):
        return f"the chip has no mode {mode}"
    return rule if mode == "nearest" else Rule("align", 1)


def _compared(node: NodeProto, graph: Graph, rule: Rule) -> Rule | str:
    """A constant stays float: the compiler finds the integer that decides alike for every input."""
    places = tuple(place for place, name in enumerate(node.input) if not graph.is_constant(name))
    return Rule(rule.kind, places, rule.moves)


CONDITIONS: dict[str, Condition] = {
    "Conv": _constant_weights,
    "ConvTranspose": _constant_weights,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Clip": _constant("limits"),
    "MaxPool": _single_output,
    "LayerNormalization": _layer_norm,
    "PRelu": _constant("slopes"),
    "ScatterND": _constant("indices", 2),
    "ReverseSequence": _constant("indices"),
    "Mod": _has("fmod", 0, 1, "the chip's remainder has the sign of the dividend: fmod=1"),
    "Resize": _resize,
    "Swish": _has("alpha", 1.0, 1.0, "the chip's Swish has alpha 1"),
    **dict.fromkeys(
        (kind.form.onnx for kind in declared() if kind.form and kind.form.exponents == "compare"),
        _compared,
    ),
    **dict.fromkeys(("GRU", "LSTM"), recurrent),
}
