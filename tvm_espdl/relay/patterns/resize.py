"""Resizes, nearest and linear, of images and of signals (which arrive as images of one row)."""

from __future__ import annotations

import dataclasses
from typing import Any

from tvm.relax.dpl import is_op, wildcard

from ...ops import Operator, Refusal
from ...ops.base.form_rule import FormRule
from ...ops.resize_linear import ResizeLinear
from ...ops.resize_nearest import ResizeNearest
from .dataflow import channels_last, dequantized, maybe_requantized, quantized
from .match import Match, Pattern

METHODS = {"nearest_neighbor": "resize_nearest", "linear": "resize_linear"}

IS_ONE_IMAGE = FormRule(
    "is_one_image",
    tuple(METHODS.values()),
    "A resize takes one image or one signal, and leaves batch and channels as they are.",
    "batch 1 and 1 or 2 resized dimensions",
    "resize one image or signal",
)


def patterns() -> list[Pattern]:
    """Both methods, of images and of signals."""
    return [_resize(method, signal=signal) for signal in (False, True) for method in METHODS]


def _resize(method: str, *, signal: bool) -> Pattern:
    x = dequantized()
    image, again = maybe_requantized(is_op("relax.reshape")(x, wildcard())) if signal else (x, x)
    resize = is_op("relax.image.resize2d")(image, wildcard()).has_attr({"method": method})
    result = is_op("relax.reshape")(resize, wildcard()) if signal else resize
    roles: dict[str, Any] = {"x": x, "resize": resize, "again": again}

    def build(match: Match) -> Operator | Refusal:
        attrs = match["resize"].attrs
        if len(match.output.shape) != (3 if signal else 4) or str(attrs.layout) != "NCHW":
            return _no_image(match)
        if "again" in match and match.tensor("again").exponent != match.tensor("x").exponent:
            return _no_image(match)
        tensor, y = (
            dataclasses.replace(t, shape=channels_last(t.shape))
            for t in (match.tensor("x"), match.output)
        )
        coordinates = str(attrs.coordinate_transformation_mode)
        if method == "nearest_neighbor":
            return ResizeNearest(tensor, y, coordinates, str(attrs.rounding_method))
        if coordinates == "pytorch_half_pixel" and min(y.shape[1:-1]) > 1:
            coordinates = "half_pixel"  # the same, except where one pixel is left
        return ResizeLinear(tensor, y, coordinates)

    form = "of signals" if signal else "of images"
    return Pattern(METHODS[method], quantized(result), roles, ("x",), build, form=form)


def _no_image(match: Match) -> Refusal:
    return IS_ONE_IMAGE.refused(f"shape {match.output.shape}")
