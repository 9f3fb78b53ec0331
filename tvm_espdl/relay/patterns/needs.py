"""Which operators a dataflow pattern cannot do without.

A pattern whose operators do not all occur in a module matches nothing there, and need not be tried.
"""

from __future__ import annotations

from typing import Any

from tvm.relax.dpl.pattern import (
    AndPattern,
    CallPattern,
    ExprPattern,
    OrPattern,
    TuplePattern,
)

NOTHING: frozenset[str] = frozenset()


def needed_operators(pattern: Any) -> frozenset[str]:
    """The names of operators that every match of `pattern` calls; perhaps not all of them."""
    if isinstance(pattern, CallPattern):
        of_arguments = (needed_operators(argument) for argument in pattern.args or ())
        return _called(pattern.op).union(*of_arguments)
    if isinstance(pattern, OrPattern):
        return needed_operators(pattern.left) & needed_operators(pattern.right)
    if isinstance(pattern, AndPattern):
        return needed_operators(pattern.left) | needed_operators(pattern.right)
    if isinstance(pattern, TuplePattern):
        return NOTHING.union(*(needed_operators(field) for field in pattern.fields))
    return NOTHING


def _called(callee: Any) -> frozenset[str]:
    expr: Any = callee.expr if isinstance(callee, ExprPattern) else None
    return frozenset({str(expr.name)}) if hasattr(expr, "name") else NOTHING
