"""Golden cases of differences, products and quotients."""

from __future__ import annotations

from collections.abc import Callable

from ...ops import Operator
from ...ops.div import Div
from ...ops.mul import Mul
from ...ops.sub import Sub
from ..golden import Case


def _binary(operator: Callable[..., Operator]) -> Callable[[Case], tuple[Operator, list[str]]]:
    return lambda case: (operator(case.tensor("a"), case.tensor("b"), case.output), ["a", "b"])


BUILDERS = {"div": _binary(Div), "mul": _binary(Mul), "sub": _binary(Sub)}
