"""Golden cases of clip, softmax, and conversions between numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...ops import Operator
from ...ops.clip import Clip
from ...ops.dequantize import Dequantize
from ...ops.quantize import Quantize
from ...ops.requantize import Requantize
from ...ops.softmax import Softmax
from ..golden import Case


def _unary(operator: Callable[..., Operator]) -> Callable[[Case], tuple[Operator, list[str]]]:
    """Builder of an operator that has an input, an output, and nothing else."""
    return lambda case: (operator(case.tensor("x"), case.output), ["x"])


def _clip(case: Case) -> tuple[Operator, list[str]]:
    attrs: dict[str, Any] = case.entry["attrs"]
    return Clip(case.tensor("x"), case.output, attrs["min"], attrs["max"]), ["x"]


def _softmax(case: Case) -> tuple[Operator, list[str]]:
    x = case.tensor("x")
    axis = case.entry["attrs"]["axis"] % len(x.shape)
    return Softmax(x, case.output, axis), ["x"]


BUILDERS = {
    "clip": _clip,
    "dequantize": _unary(Dequantize),
    "quantize": _unary(Quantize),
    "requantize": _unary(Requantize),
    "softmax": _softmax,
}
