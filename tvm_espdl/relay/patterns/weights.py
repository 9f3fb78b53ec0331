"""Weights and biases of convolutions and matrix products, as patterns find them.

It reads types and integers of constants; which operators have them is said elsewhere.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ...ops import Refusal, Tensor
from ...ops.rounding import Array
from .match import Match


def misplaced_exponents(match: Match, channel_axis: int) -> Refusal | None:
    """The reason against exponents along another axis than that of the output channels."""
    w = match.tensor("w")
    axis = int(match["w"].attrs.axis) % len(w.shape)
    if not isinstance(w.exponent, tuple) or axis == channel_axis:
        return None
    return Refusal(
        "exponents_are_per_output_channel",
        "Exponents per channel belong to the output channels of the weights.",
        f"{len(w.exponent)} exponents along axis {axis}",
        f"one exponent, or one for each index of axis {channel_axis}",
        "quantize per output channel or per tensor",
    )


def bias_type(match: Match) -> Tensor | None:
    """Type of the bias; int32 of int16 data counts as int64, for it is widened."""
    if "b" not in match:
        return None
    bias = match.tensor("b")
    return dataclasses.replace(bias, dtype="int64") if _widens(match) else bias


def bias_values(match: Match) -> tuple[Array, ...]:
    """The bias as a tuple of one array, or none."""
    if "b" not in match:
        return ()
    bias = match.constant("b")
    return (bias.astype(np.int64) if _widens(match) else bias,)


def _widens(match: Match) -> bool:
    return match.tensor("x").dtype == "int16" and match.tensor("b").dtype == "int32"
