"""Golden cases of reductions."""

from __future__ import annotations

from collections.abc import Callable

from ...ops import Operator
from ...ops.base.reduction import Reduction
from ...ops.reduce_max import ReduceMax
from ...ops.reduce_mean import ReduceMean
from ...ops.reduce_sum import ReduceSum
from ..golden import Case


def _reduce(operator: type[Reduction]) -> Callable[[Case], tuple[Operator, list[str]]]:
    def build(case: Case) -> tuple[Operator, list[str]]:
        axes = tuple(sorted(case.entry["attrs"]["axes"]))
        return operator(case.tensor("x"), case.output, axes), ["x"]

    return build


BUILDERS = {
    "reduce_max": _reduce(ReduceMax),
    "reduce_mean": _reduce(ReduceMean),
    "reduce_sum": _reduce(ReduceSum),
}
