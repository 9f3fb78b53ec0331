"""Operators that move elements: reshape (with flatten, squeeze, unsqueeze) and transpose."""

from __future__ import annotations

from tvm.relax.dpl import is_op, wildcard

from ...ops import Operator
from ...ops.reshape import Reshape
from ...ops.transpose import Transpose
from .dataflow import dequantized, quantized
from .match import Match, Pattern


def patterns() -> list[Pattern]:
    """Reshape and permute_dims."""
    return [_reshape(), _transpose()]


def _reshape() -> Pattern:
    x = dequantized()
    pattern = quantized(is_op("relax.reshape")(x, wildcard()))

    def build(match: Match) -> Operator:
        return Reshape(match.tensor("x"), match.output)

    return Pattern("reshape", pattern, {"x": x}, ("x",), build)


def _transpose() -> Pattern:
    x = dequantized()
    permute = is_op("relax.permute_dims")(x)

    def build(match: Match) -> Operator:
        tensor = match.tensor("x")
        rank = len(tensor.shape)
        axes = match["permute"].attrs.axes
        order = range(rank)[::-1] if axes is None else (int(axis) % rank for axis in axes)
        return Transpose(tensor, match.output, tuple(order))

    roles = {"x": x, "permute": permute}
    return Pattern("transpose", quantized(permute), roles, ("x",), build)
