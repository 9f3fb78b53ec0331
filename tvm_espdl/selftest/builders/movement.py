"""Golden cases of operators that move elements."""

from __future__ import annotations

from ...ops import Operator
from ...ops.transpose import Transpose
from ..golden import Case


def _transpose(case: Case) -> tuple[Operator, list[str]]:
    axes = tuple(case.entry["attrs"]["perm"])
    return Transpose(case.tensor("x"), case.output, axes), ["x"]


BUILDERS = {"transpose": _transpose}
