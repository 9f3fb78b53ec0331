"""Golden cases of ordinary operators, which say what else a record has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...ops import Operator
from ...ops.base.broadcast import Broadcast
from ...ops.base.reduction import Reduction
from ...ops.base.registry import declared
from ..golden import Case


def _builder(kind: Any) -> Callable[[Case], tuple[Operator, list[str]]]:
    def build(case: Case) -> tuple[Operator, list[str]]:
        if issubclass(kind, Broadcast):
            return kind(case.tensor("a"), case.tensor("b"), case.output), ["a", "b"]
        attrs = case.entry["attrs"]
        if issubclass(kind, Reduction):
            return kind(case.tensor("x"), case.output, tuple(sorted(attrs["axes"]))), ["x"]
        given = (attrs[name] for name in kind.form.attributes)
        return kind(case.tensor("x"), case.output, *given), ["x"]

    return build


BUILDERS = {kind.name: _builder(kind) for kind in declared() if kind.name}
