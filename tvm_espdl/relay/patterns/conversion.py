"""Conversions between numbers: quantize, dequantize, requantize."""

from __future__ import annotations

from tvm.relax.dpl import wildcard

from ...ops import Operator, Tensor
from ...ops.dequantize import Dequantize
from ...ops.quantize import Quantize
from ...ops.requantize import Requantize
from .dataflow import dequantized, quantized
from .match import Match, Pattern


def patterns() -> list[Pattern]:
    """Quantize and dequantize on their own, and the pair as requantize."""
    return [_quantize(), _dequantize(), _requantize()]


def _quantize() -> Pattern:
    pattern = quantized(wildcard())

    def build(match: Match) -> Operator:
        y = match.output
        return Quantize(Tensor("float32", y.shape), y)

    return Pattern("quantize", pattern, {"x": pattern}, ("x",), build)


def _dequantize() -> Pattern:
    pattern = dequantized()

    def build(match: Match) -> Operator:
        x = match.tensor("x")
        return Dequantize(x, Tensor("float32", x.shape))

    return Pattern("dequantize", pattern, {"x": pattern}, ("x",), build)


def _requantize() -> Pattern:
    x = dequantized()

    def build(match: Match) -> Operator:
        return Requantize(match.tensor("x"), match.output)

    return Pattern("requantize", quantized(x), {"x": x}, ("x",), build)
