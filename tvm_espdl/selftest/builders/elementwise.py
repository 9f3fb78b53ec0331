"""Golden cases of element-wise operators and of conversions between numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...ops import Operator
from ...ops.add import Add
from ...ops.clip import Clip
from ...ops.dequantize import Dequantize
from ...ops.quantize import Quantize
from ...ops.relu import Relu
from ...ops.requantize import Requantize
from ...ops.softmax import Softmax
from ..golden import Case


def unary(operator: Callable[..., Operator]) -> Callable[[Case], tuple[Operator, list[str]]]:
    """Builder of an operator that has an input, an output, and nothing else."""
    return lambda case: (operator(case.tensor("x"), case.output), ["x"])


def _add(case: Case) -> tuple[Operator, list[str]]:
    return Add(case.tensor("a"), case.tensor("b"), case.output), ["a", "b"]


def _clip(case: Case) -> tuple[Operator, list[str]]:
    attrs: dict[str, Any] = case.entry["attrs"]
    return Clip(case.tensor("x"), case.output, attrs["min"], attrs["max"]), ["x"]


def _softmax(case: Case) -> tuple[Operator, list[str]]:
    x = case.tensor("x")
    axis = case.entry["attrs"]["axis"] % len(x.shape)
    return Softmax(x, case.output, axis), ["x"]


BUILDERS = {
    "add": _add,
    "clip": _clip,
    "dequantize": unary(Dequantize),
    "quantize": unary(Quantize),
    "relu": unary(Relu),
    "requantize": unary(Requantize),
    "softmax": _softmax,
}
