"""Limits: clip."""

from __future__ import annotations

from tvm.relax.dpl import is_op, wildcard

from ...ops import Operator
from ...ops.clip import Clip
from .dataflow import dequantized, quantized
from .match import Match, Pattern


def patterns() -> list[Pattern]:
    """Of clip."""
    return [_clip()]


def _clip() -> Pattern:
    x = dequantized()
    clip = is_op("relax.clip")(x, wildcard(), wildcard())

    def build(match: Match) -> Operator:
        x = match.tensor("x")
        low, high = (float(limit.value) for limit in match["clip"].args[1:3])
        scale = 2.0**-x.uniform_exponent
        return Clip(x, match.output, low=_limit(low * scale), high=_limit(high * scale))

    return Pattern("clip", quantized(clip), {"x": x, "clip": clip}, ("x",), build)


def _limit(value: float) -> int:
    """A limit in the input's integers, half up as ESP-PPQ writes it; far ones never bind."""
    bound = 2.0**31 - 1
    return int(min(max(value + 0.5, -bound), bound) // 1)
