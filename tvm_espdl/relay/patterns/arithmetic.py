"""Operators with two broadcast inputs: sub with fused ReLU, mul, div, maximum, minimum; and neg.

Either input may be a dequantized constant: it stays an input of the operator.
"""

from __future__ import annotations

from typing import Any

from tvm.relax.dpl import is_op

from ...ops import Operator, operator_class
from ..ir import is_constant
from .dataflow import dequantized, quantized, with_relu
from .match import Match, Pattern


def patterns() -> list[Pattern]:
    """All of them, sub the largest."""
    return [
        _neg(),
        plain("maximum", "relax.maximum"),
        plain("minimum", "relax.minimum"),
        plain("mul", "relax.multiply"),
        _div(),
        _sub(),
    ]


def _neg() -> Pattern:
    x = dequantized()

    def build(match: Match) -> Operator:
        from ...ops.neg import Neg

        return Neg(match.tensor("x"), match.output)

    return Pattern("neg", quantized(is_op("relax.negative")(x)), {"x": x}, ("x",), build)


def plain(operator: str, call: str) -> Pattern:
    """An operator whose record is its three tensors and nothing else."""
    a, b = dequantized(), dequantized()

    def build(match: Match) -> Operator:
        kind: Any = operator_class(operator)
        made: Operator = kind(match.tensor("a"), match.tensor("b"), match.output)
        return made

    pattern = quantized(is_op(call)(a, b))
    return Pattern(operator, pattern, {"a": a, "b": b}, ("a", "b"), build)


def _div() -> Pattern:
    a, b = dequantized(), dequantized()

    def build(match: Match) -> Operator:
        from ...ops.div import Div

        known = (_is_constant(match, role) for role in ("a", "b"))
        return Div(match.tensor("a"), match.tensor("b"), match.output, *known)

    pattern = quantized(is_op("relax.divide")(a, b))
    return Pattern("div", pattern, {"a": a, "b": b}, ("a", "b"), build)


def _sub() -> Pattern:
    a, b = dequantized(), dequantized()
    result, relu = with_relu(is_op("relax.subtract")(a, b))
    roles = {"a": a, "b": b, "relu": relu}

    def build(match: Match) -> Operator:
        from ...ops.sub import Sub

        activation = "relu" if "relu" in match else "linear"
        return Sub(match.tensor("a"), match.tensor("b"), match.output, activation)

    return Pattern("sub", quantized(result), roles, ("a", "b"), build)


def _is_constant(match: Match, role: str) -> bool:
    argument = match[role].args[0]
    return is_constant(argument) or is_constant(match.values.get(argument))
