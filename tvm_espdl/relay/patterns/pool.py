"""Pools of images and signals: average (a global one has a window of the whole image), maximum."""

from __future__ import annotations

import dataclasses
from typing import Any

from tvm.relax.dpl import is_op

from ...ops import Operator, Refusal, Tensor
from ...ops.average_pool2d import AveragePool2d
from ...ops.base.form_rule import FormRule
from ...ops.max_pool2d import MaxPool2d
from .dataflow import channels_last, dequantized, quantized
from .match import Match, Pattern

WINDOW_IS_NOT_DILATED = FormRule(
    "window_is_not_dilated",
    ("average_pool2d", "max_pool2d"),
    "The window of a pool has no dilation.",
    "dilation 1",
    "remove the dilation",
)


def patterns() -> list[Pattern]:
    """avg_pool and max_pool, of images and of signals."""
    return [
        _pool(f"relax.nn.{kind}_pool{rank}d", operator)
        for kind, operator in (("avg", "average_pool2d"), ("max", "max_pool2d"))
        for rank in (1, 2)
    ]


def _pool(relax_name: str, operator: str) -> Pattern:
    x = dequantized()
    pool = is_op(relax_name)(x)

    def build(match: Match) -> Operator | Refusal:
        attrs = match["pool"].attrs
        refusal = _dilated(attrs)
        if refusal is not None:
            return refusal
        x, y = _tensors(match)
        if operator == "max_pool2d":
            return MaxPool2d(x, y, **_window(attrs))
        counts = bool(attrs.count_include_pad)
        return AveragePool2d(x, y, **_window(attrs), counts_padding=counts)

    form = "of signals" if relax_name.endswith("1d") else "of images"
    return Pattern(operator, quantized(pool), {"x": x, "pool": pool}, ("x",), build, form=form)


def _tensors(match: Match) -> tuple[Tensor, Tensor]:
    x, y = match.tensor("x"), match.output
    return (
        dataclasses.replace(x, shape=channels_last(x.shape)),
        dataclasses.replace(y, shape=channels_last(y.shape)),
    )


def _window(attrs: Any) -> dict[str, Any]:
    """Of an image; a signal is an image of one row."""
    kernel, strides, pads = (
        tuple(int(n) for n in numbers)
        for numbers in (attrs.pool_size, attrs.strides, attrs.padding)
    )
    if len(kernel) == 1:
        kernel, strides, pads = (1, *kernel), (1, *strides), (0, pads[0], 0, pads[1])
    return {"kernel": kernel, "pads": pads, "strides": strides}


def _dilated(attrs: Any) -> Refusal | None:
    dilation = tuple(int(d) for d in attrs.dilation)
    if all(d == 1 for d in dilation):
        return None
    return WINDOW_IS_NOT_DILATED.refused(f"dilation {dilation}")
