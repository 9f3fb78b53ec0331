"""Convolutions: `quantize(relu(conv(x, w) + b))`, bias and ReLU optional, plain or depthwise."""

from __future__ import annotations

import dataclasses
from typing import Any

from tvm.relax.dpl import is_op, wildcard

from ...chips import Chip
from ...ops import Operator, Refusal, operator_class
from ...ops.base.form_rule import FormRule
from ...ops.base.rounding import Array
from .dataflow import channels_last, dequantized, dequantized_constant, quantized, with_relu
from .match import Match, Pattern
from .weights import (
    Bias,
    bias_type,
    bias_values,
    has_bias_vector,
    limited_bias,
    misplaced_exponents,
)

# By the number of spatial dimensions, and whether each channel has its own filter.
OPERATORS = {
    (1, False): "conv1d",
    (1, True): "depthwise_conv1d",
    (2, False): "conv2d",
    (2, True): "depthwise_conv2d",
}

GROUPS_ARE_ONE_OR_DEPTHWISE = FormRule(
    "groups_are_one_or_depthwise",
    ("conv1d", "conv2d", "depthwise_conv1d", "depthwise_conv2d"),
    "A convolution has one group, or as many as channels with multiplier 1.",
    "1 group, or depthwise with multiplier 1",
    "split the convolution into one per group",
)


def patterns() -> list[Pattern]:
    """In one and two dimensions, with and without bias."""
    return [_pattern(n, biased=biased) for n in (1, 2) for biased in (False, True)]


def _pattern(dimensions: int, *, biased: bool) -> Pattern:
    x, w, b = dequantized(), dequantized_constant(), Bias()
    conv = is_op(f"relax.nn.conv{dimensions}d")(x, w)
    roles: dict[str, Any] = {"x": x, "w": w, "conv": conv}
    result = conv
    if biased:
        roles |= b.roles
        result = is_op("relax.add")(conv, b.vector | is_op("relax.reshape")(b.vector, wildcard()))
    result, roles["relu"] = with_relu(result)
    return Pattern(
        f"conv{dimensions}d",
        quantized(result),
        roles,
        ("x",),
        _build,
        tables=_constants,
        applies=has_bias_vector,
        warn=limited_bias,
        form="with bias" if biased else "without bias",
    )


def _build(match: Match) -> Operator | Refusal:
    attrs = match["conv"].attrs
    x, w, y = match.tensor("x"), match.tensor("w"), match.output
    groups, channels = int(attrs.groups), x.shape[1]
    if groups > 1 and (groups != channels or w.shape[0] != channels):
        found = f"{groups} groups, {channels} channels, {w.shape[0]} filters"
        return GROUPS_ARE_ONE_OR_DEPTHWISE.refused(found)
    misplaced = misplaced_exponents(match, channel_axis=0)
    if misplaced is not None:
        return misplaced
    dimensions = len(x.shape) - 2
    kind: Any = operator_class(OPERATORS[dimensions, groups > 1])
    made: Operator = kind(
        x=dataclasses.replace(x, shape=channels_last(x.shape)),
        w=w,
        b=bias_type(match),
        y=dataclasses.replace(y, shape=channels_last(y.shape)),
        pads=_both_sides(attrs.padding),
        strides=_pair(attrs.strides),
        dilations=_pair(attrs.dilation),
        activation="relu" if "relu" in match else "linear",
    )
    return made


def _pair(numbers: Any) -> tuple[int, int]:
    """Rows and columns; one number is that of the columns."""
    last = [int(n) for n in numbers]
    return (last[0] if len(last) == 2 else 1, last[-1])


def _both_sides(numbers: Any) -> tuple[int, int, int, int]:
    """Top, left, bottom, right; two numbers are left and right."""
    pads = [int(n) for n in numbers]
    return (0, pads[0], 0, pads[1]) if len(pads) == 2 else (pads[0], pads[1], pads[2], pads[3])


def _constants(match: Match, chip: Chip) -> tuple[Array, ...]:
    return (match.constant("w"), *bias_values(match, chip))
