"""Golden cases of resizes."""

from __future__ import annotations

from ...ops import Operator
from ...ops.resize_linear import ResizeLinear
from ...ops.resize_nearest import ResizeNearest
from ..golden import Case


def _nearest(case: Case) -> tuple[Operator, list[str]]:
    coordinates = case.entry["attrs"]["coordinate"]
    return ResizeNearest(case.tensor("x"), case.output, coordinates), ["x"]


def _linear(case: Case) -> tuple[Operator, list[str]]:
    coordinates = case.entry["attrs"]["coordinate"]
    return ResizeLinear(case.tensor("x"), case.output, coordinates), ["x"]


BUILDERS = {"resize_linear": _linear, "resize_nearest": _nearest}
