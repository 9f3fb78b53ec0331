"""Pools: average, global average (which arrives as a mean over rows and columns), maximum."""

from __future__ import annotations

import dataclasses
from typing import Any

from tvm.relax.dpl import is_op

from ...ops import Operator, Refusal, Tensor
from ...ops.average_pool2d import AveragePool2d
from ...ops.max_pool2d import MaxPool2d
from .dataflow import channels_last, dequantized, quantized
from .match import Match, Pattern


def patterns() -> list[Pattern]:
    """avg_pool2d, mean over H and W, max_pool2d."""
    return [_pool("relax.nn.avg_pool2d", "average_pool2d"), _global(), _maximum()]


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

    return Pattern(operator, quantized(pool), {"x": x, "pool": pool}, ("x",), build)


def _maximum() -> Pattern:
    return _pool("relax.nn.max_pool2d", "max_pool2d")


def _global() -> Pattern:
    x = dequantized()
    mean = is_op("relax.mean")(x)

    def build(match: Match) -> Operator | Refusal:
        attrs, shape = match["mean"].attrs, match.tensor("x").shape
        axes = sorted(int(axis) % len(shape) for axis in attrs.axis or ())
        if len(shape) != 4 or axes != [2, 3] or not attrs.keepdims:
            return Refusal(
                "mean_is_global_average_pool",
                "A mean runs as an average pool over rows and columns of an image.",
                f"axes {axes} of {len(shape)} dimensions, keepdims={bool(attrs.keepdims)}",
                "axes 2 and 3 of 4 dimensions, keepdims=1",
                "use GlobalAveragePool",
            )
        x, y = _tensors(match)
        return AveragePool2d(x, y, kernel=(x.shape[1], x.shape[2]))

    return Pattern("average_pool2d", quantized(mean), {"x": x, "mean": mean}, ("x",), build)


def _tensors(match: Match) -> tuple[Tensor, Tensor]:
    x, y = match.tensor("x"), match.output
    return (
        dataclasses.replace(x, shape=channels_last(x.shape)),
        dataclasses.replace(y, shape=channels_last(y.shape)),
    )


def _window(attrs: Any) -> dict[str, Any]:
    return {
        "kernel": tuple(int(k) for k in attrs.pool_size),
        "pads": tuple(int(p) for p in attrs.padding),
        "strides": tuple(int(s) for s in attrs.strides),
    }


def _dilated(attrs: Any) -> Refusal | None:
    dilation = tuple(int(d) for d in attrs.dilation)
    if all(d == 1 for d in dilation):
        return None
    return Refusal(
        "window_is_not_dilated",
        "The window of a pool has no dilation.",
        f"dilation {dilation}",
        "dilation 1",
        "remove the dilation",
    )
