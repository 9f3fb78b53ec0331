"""Pools and resizes of images and of signals: average, maximum; nearest, linear.

A global average pool has a window of the whole image; a resized signal is an image of one row.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from tvm.relax.dpl import is_op, wildcard

from ...ops import Operator, Refusal
from ...ops.average_pool2d import AveragePool2d
from ...ops.base.form_rule import FormRule
from ...ops.max_pool2d import MaxPool2d
from ...ops.resize_linear import ResizeLinear
from ...ops.resize_nearest import ResizeNearest
from .dataflow import dequantized, maybe_requantized, quantized
from .match import Match, Pattern, of_call

METHODS = {"nearest_neighbor": "resize_nearest", "linear": "resize_linear"}
FORMS = ("of images", "of signals")

IS_ONE_IMAGE = FormRule(
    "is_one_image",
    tuple(METHODS.values()),
    "A resize takes one image or one signal, and leaves batch and channels as they are.",
    "batch 1 and 1 or 2 resized dimensions",
    "resize one image or signal",
)
WINDOW_IS_NOT_DILATED = FormRule(
    "window_is_not_dilated",
    ("average_pool2d", "max_pool2d"),
    "The window of a pool has no dilation.",
    "dilation 1",
    "remove the dilation",
)


def patterns() -> list[Pattern]:
    """Both methods of resizing and both pools, of images and of signals."""
    pools = [
        of_call(operator, f"nn.{kind}_pool{rank}d", partial(_pool, operator), form=FORMS[rank == 1])
        for kind, operator in (("avg", "average_pool2d"), ("max", "max_pool2d"))
        for rank in (1, 2)
    ]
    resizes = [_resize(method, signal=signal) for signal in (False, True) for method in METHODS]
    return [*resizes, *pools]


def _pool(operator: str, match: Match) -> Operator | Refusal:
    attrs = match["call"].attrs
    dilation = tuple(int(d) for d in attrs.dilation)
    if any(d != 1 for d in dilation):
        return WINDOW_IS_NOT_DILATED.refused(f"dilation {dilation}")
    if operator == "max_pool2d":
        return MaxPool2d(*match.images(), **_window(attrs))
    counts = bool(attrs.count_include_pad)
    return AveragePool2d(*match.images(), **_window(attrs), counts_padding=counts)


def _window(attrs: Any) -> dict[str, Any]:
    """Of an image; a signal is an image of one row."""
    kernel, strides, pads = (
        tuple(int(n) for n in numbers)
        for numbers in (attrs.pool_size, attrs.strides, attrs.padding)
    )
    if len(kernel) == 1:
        kernel, strides, pads = (1, *kernel), (1, *strides), (0, pads[0], 0, pads[1])
    return {"kernel": kernel, "pads": pads, "strides": strides}


def _resize(method: str, *, signal: bool) -> Pattern:
    x = dequantized()
    image, again = maybe_requantized(is_op("relax.reshape")(x, wildcard())) if signal else (x, x)
    resize = is_op("relax.image.resize2d")(image, wildcard()).has_attr({"method": method})
    result = is_op("relax.reshape")(resize, wildcard()) if signal else resize
    roles: dict[str, Any] = {"x": x, "resize": resize, "again": again}

    def build(match: Match) -> Operator | Refusal:
        attrs, shape = match["resize"].attrs, match.output.shape
        is_image = len(shape) == (3 if signal else 4) and str(attrs.layout) == "NCHW"
        again = match.tensor("again" if "again" in match else "x")
        if not is_image or again.exponent != match.tensor("x").exponent:
            return IS_ONE_IMAGE.refused(f"shape {shape}")
        x, y = match.images()
        coordinates = str(attrs.coordinate_transformation_mode)
        if method == "nearest_neighbor":
            return ResizeNearest(x, y, coordinates, str(attrs.rounding_method))
        if coordinates == "pytorch_half_pixel" and min(y.shape[1:-1]) > 1:
            coordinates = "half_pixel"  # the same, except where one pixel is left
        return ResizeLinear(x, y, coordinates)

    return Pattern(METHODS[method], quantized(result), roles, build, form=FORMS[signal])
