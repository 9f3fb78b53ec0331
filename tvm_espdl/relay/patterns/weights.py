"""Weights and biases of convolutions and matrix products, as patterns find them.

It reads types and integers of constants, and makes integers of a float bias; which operators have
them is said elsewhere.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ...chips import Chip
from ...ops import Refusal, Tensor
from ...ops.base.form_rule import FormRule
from ...ops.base.operator import Exponent
from ...ops.base.rounding import Array
from ...ops.base.weighted import BIAS_DTYPE
from ..ir import array_of
from .dataflow import FLOAT
from .match import Match

FLOAT_BIAS = FLOAT + "b"

EXPONENTS_ARE_PER_OUTPUT_CHANNEL = FormRule(
    "exponents_are_per_output_channel",
    ("conv1d", "conv2d", "depthwise_conv1d", "depthwise_conv2d", "gemm"),
    "Exponents per channel belong to the output channels of the weights.",
    "one exponent, or one for each output channel",
    "quantize per output channel or per tensor",
)


def misplaced_exponents(match: Match, channel_axis: int) -> Refusal | None:
    """The reason against exponents along another axis than that of the output channels."""
    w = match.tensor("w")
    axis = int(match["w"].attrs.axis) % len(w.shape)
    if not isinstance(w.exponent, tuple) or axis == channel_axis:
        return None
    found = f"{len(w.exponent)} exponents along axis {axis}, channels along axis {channel_axis}"
    return EXPONENTS_ARE_PER_OUTPUT_CHANNEL.refused(found)


def has_bias_vector(match: Match) -> bool:
    """Whether a float constant that is added is a bias: one value for each output channel.

    `forms.biases` makes vectors of all that are; other constants are additions of their own.
    """
    if FLOAT_BIAS not in match:
        return True
    array = array_of(match[FLOAT_BIAS])
    return array.shape == (_channels(match),) and bool(np.isfinite(array).all())


def _channels(match: Match) -> int:
    shape = match.output.shape
    return shape[1] if "conv" in match else shape[-1]


def bias_type(match: Match) -> Tensor | None:
    """Type of the bias; int32 of int16 data counts as int64, for it is widened."""
    if FLOAT_BIAS in match:
        dtype = BIAS_DTYPE.get(match.tensor("x").dtype, "int32")
        return Tensor(dtype, (_channels(match),), _products(match))
    if "b" not in match:
        return None
    bias = match.tensor("b")
    return dataclasses.replace(bias, dtype="int64") if _widens(match) else bias


def bias_values(match: Match, chip: Chip) -> tuple[Array, ...]:
    """The bias as a tuple of one array, or none.

    A float bias is rounded as the chip rounds, and limited to the bits that ESP-PPQ keeps for it.
    """
    if FLOAT_BIAS in match:
        return (_rounded(match, chip),)
    if "b" not in match:
        return ()
    bias = match.constant("b")
    return (bias.astype(np.int64) if _widens(match) else bias,)


def _products(match: Match) -> Exponent:
    """Exponent of the products of data and weights, one or one for each output channel."""
    of_weights, of_data = match.tensor("w").exponent, match.tensor("x").uniform_exponent
    if isinstance(of_weights, tuple):
        return tuple(of_data + exponent for exponent in of_weights)
    return of_data + match.tensor("w").uniform_exponent


def limited_bias(match: Match, chip: Chip) -> str:
    """A warning where values of a float bias do not fit the chip's field, else ""."""
    if FLOAT_BIAS not in match:
        return ""
    given, rounded = array_of(match[FLOAT_BIAS]).astype(np.float64), _rounded(match, chip)
    exponents = np.array(_products(match))
    kept = np.ldexp(rounded.astype(np.float64), exponents)
    bits = _bias_bits(match, chip)
    limits = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    changes = np.abs(kept - given)[np.isin(rounded, limits)]
    if not np.any(changes > np.ldexp(0.5, exponents.max())):
        return ""
    return (
        f"{changes.size} of {given.size} values of its float bias are limited to the {bits} bits "
        f"that the {chip.name} keeps, a change by up to {changes.max():.6g}; larger exponents "
        "of the input or of the weights make room"
    )


def _bias_bits(match: Match, chip: Chip) -> int:
    return min(chip.quantized_bias_bits(match.tensor("x").dtype), 63)


def _rounded(match: Match, chip: Chip) -> Array:
    dtype = match.tensor("x").dtype
    scaled = np.ldexp(array_of(match[FLOAT_BIAS]).astype(np.float64), -np.array(_products(match)))
    rounded = np.rint(scaled) if chip.rounding == "half_even" else np.floor(scaled + 0.5)
    most = 2.0 ** (_bias_bits(match, chip) - 1)
    return np.clip(rounded, -most, most - 1).astype(BIAS_DTYPE[dtype])


def _widens(match: Match) -> bool:
    return match.tensor("x").dtype == "int16" and match.tensor("b").dtype == "int32"
