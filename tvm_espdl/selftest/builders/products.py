"""Golden cases of convolutions and matrix products."""

from __future__ import annotations

from typing import Any

from ...ops import Operator
from ...ops.conv2d import Conv2d
from ...ops.depthwise_conv2d import DepthwiseConv2d
from ...ops.gemm import Gemm
from ...ops.matmul import Matmul
from ..golden import Case


def _operands(case: Case) -> list[str]:
    return [name for name in ("x", "w", "b") if name in case.arrays]


def _window(case: Case) -> dict[str, Any]:
    attrs, names = case.entry["attrs"], _operands(case)
    top, bottom, left, right = attrs["pads"]
    return {
        "x": case.tensor("x"),
        "w": case.tensor("w"),
        "b": case.tensor("b") if "b" in names else None,
        "y": case.output,
        "pads": (top, left, bottom, right),
        "strides": tuple(attrs["strides"]),
        "dilations": tuple(attrs["dilations"]),
        "activation": attrs["activation"].lower(),
    }


def _conv2d(case: Case) -> tuple[Operator, list[str]]:
    return Conv2d(**_window(case)), _operands(case)


def _depthwise_conv2d(case: Case) -> tuple[Operator, list[str]]:
    return DepthwiseConv2d(**_window(case)), _operands(case)


def _gemm(case: Case) -> tuple[Operator, list[str]]:
    bias = case.tensor("b") if "b" in case.arrays else None
    activation = case.entry["attrs"]["activation"].lower()
    record = Gemm(case.tensor("x"), case.tensor("w"), bias, case.output, activation)
    return record, _operands(case)


def _matmul(case: Case) -> tuple[Operator, list[str]]:
    return Matmul(case.tensor("a"), case.tensor("b"), case.output), ["a", "b"]


BUILDERS = {
    "conv2d": _conv2d,
    "depthwise_conv2d": _depthwise_conv2d,
    "gemm": _gemm,
    "matmul": _matmul,
}
