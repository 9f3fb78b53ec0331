"""Conversions between numbers, quantize, dequantize, requantize; and their limits, clip."""

from __future__ import annotations

from tvm.relax.dpl import wildcard

from ...ops import Operator, Tensor
from ...ops.clip import Clip
from ...ops.dequantize import Dequantize
from ...ops.quantize import Quantize
from ...ops.requantize import Requantize
from .dataflow import dequantized, quantized
from .match import Match, Pattern, of_call


def patterns() -> list[Pattern]:
    """Quantize and dequantize on their own, the pair as requantize, and clip."""
    into, out_of, x = quantized(wildcard()), dequantized(), dequantized()
    return [
        Pattern("quantize", into, {"x": into}, _quantize),
        Pattern("dequantize", out_of, {"x": out_of}, _dequantize),
        Pattern("requantize", quantized(x), {"x": x}, _requantize),
        of_call("clip", "clip", _clip, wildcard(), wildcard()),
    ]


def _quantize(match: Match) -> Operator:
    return Quantize(Tensor("float32", match.output.shape), match.output)


def _dequantize(match: Match) -> Operator:
    x = match.tensor("x")
    return Dequantize(x, Tensor("float32", x.shape))


def _requantize(match: Match) -> Operator:
    return Requantize(match.tensor("x"), match.output)


def _clip(match: Match) -> Operator:
    x = match.tensor("x")
    low, high = (_limit(limit * 2.0**-x.uniform_exponent) for limit in match.limits("call"))
    return Clip(x, match.output, low=low, high=high)


def _limit(value: float) -> int:
    """A limit in the input's integers, half up as ESP-PPQ writes it; far ones never bind."""
    bound = 2.0**31 - 1
    return int(min(max(value + 0.5, -bound), bound) // 1)
