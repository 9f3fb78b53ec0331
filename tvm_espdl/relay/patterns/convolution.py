"""Convolutions: `quantize(relu(conv2d(x, w) + b))`, bias and ReLU optional, plain or depthwise."""

from __future__ import annotations

import dataclasses
from typing import Any

from tvm.relax.dpl import is_op, wildcard

from ...ops import Operator, Refusal
from ...ops.conv2d import Conv2d
from ...ops.depthwise_conv2d import DepthwiseConv2d
from ...ops.rounding import Array
from .dataflow import channels_last, dequantized, dequantized_constant, quantized, with_relu
from .match import Match, Pattern


def patterns() -> list[Pattern]:
    """With and without bias."""
    return [_pattern(biased=False), _pattern(biased=True)]


def _pattern(*, biased: bool) -> Pattern:
    x, w, b = dequantized(), dequantized_constant(), dequantized_constant()
    conv = is_op("relax.nn.conv2d")(x, w)
    roles: dict[str, Any] = {"x": x, "w": w, "conv": conv}
    result = conv
    if biased:
        roles["b"] = b
        result = is_op("relax.add")(conv, b | is_op("relax.reshape")(b, wildcard()))
    result, roles["relu"] = with_relu(result)
    return Pattern("conv2d", quantized(result), roles, ("x",), _build, _constants)


def _build(match: Match) -> Operator | Refusal:
    attrs = match["conv"].attrs
    x, w, y = match.tensor("x"), match.tensor("w"), match.output
    groups, channels = int(attrs.groups), x.shape[1]
    kind: type[Conv2d] | type[DepthwiseConv2d] = Conv2d
    if groups > 1:
        if groups != channels or w.shape[0] != channels:
            return Refusal(
                "groups_are_one_or_depthwise",
                "A convolution has one group, or as many as channels with multiplier 1.",
                f"{groups} groups, {channels} channels, {w.shape[0]} filters",
                "1 group, or depthwise with multiplier 1",
                "split the convolution into one per group",
            )
        kind = DepthwiseConv2d
    return kind(
        x=dataclasses.replace(x, shape=channels_last(x.shape)),
        w=w,
        b=match.tensor("b") if "b" in match else None,
        y=dataclasses.replace(y, shape=channels_last(y.shape)),
        pads=tuple(int(p) for p in attrs.padding),  # type: ignore[arg-type]
        strides=tuple(int(s) for s in attrs.strides),  # type: ignore[arg-type]
        dilations=tuple(int(d) for d in attrs.dilation),  # type: ignore[arg-type]
        activation="relu" if "relu" in match else "linear",
    )


def _constants(match: Match) -> tuple[Array, ...]:
    bias = (match.constant("b"),) if "b" in match else ()
    return (match.constant("w"), *bias)
