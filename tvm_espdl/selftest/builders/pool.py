"""Golden cases of pools."""

from __future__ import annotations

from typing import Any

from ...ops import Operator
from ...ops.average_pool2d import AveragePool2d
from ...ops.max_pool2d import MaxPool2d
from ..golden import Case


def _window(case: Case) -> dict[str, Any]:
    attrs, x = case.entry["attrs"], case.tensor("x")
    top, bottom, left, right = attrs.get("pads", (0, 0, 0, 0))
    return {
        "x": x,
        "y": case.output,
        "kernel": tuple(attrs.get("kernel_shape", x.shape[1:3])),
        "pads": (top, left, bottom, right),
        "strides": tuple(attrs.get("strides", (1, 1))),
    }


def _average(case: Case) -> tuple[Operator, list[str]]:
    return AveragePool2d(**_window(case)), ["x"]


def _maximum(case: Case) -> tuple[Operator, list[str]]:
    return MaxPool2d(**_window(case)), ["x"]


BUILDERS = {"avgpool": _average, "global_avgpool": _average, "maxpool": _maximum}
