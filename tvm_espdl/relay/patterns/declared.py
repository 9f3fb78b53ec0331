"""Patterns of ordinary operators, made from the Relax calls that their forms declare.

Either input of two may be a dequantized constant: it stays an input of the operator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tvm.relax.dpl import DFPattern, is_op

from ...chips import Chip
from ...ops import Operator, Refusal, Tensor
from ...ops.base.broadcast import Broadcast, WithRelu
from ...ops.base.comparison import Comparison
from ...ops.base.form import Form
from ...ops.base.form_rule import FormRule
from ...ops.base.function import FloatFunction
from ...ops.base.reduction import Reduction
from ...ops.base.registry import declared
from ...ops.base.rounding import Array
from ...ops.lut import table_of, tabulated
from ..ir import is_constant, shape_of
from .dataflow import dequantized, quantized, with_relu
from .match import Match, Pattern

# Of the calls of a reduction, those that reduce.
REDUCING = ("max", "mean", "min", "prod", "sum")
AXES_ARE_KEPT = FormRule(
    "axes_are_kept",
    tuple(kind.name for kind in declared() if issubclass(kind, Reduction)),
    "A reduction keeps its axes, with extent 1.",
    "keepdims=1",
    "reduce with keepdims=1, and reshape",
)


def patterns() -> list[Pattern]:
    """One of each operator that is a plain call, or calls around each other."""
    return [_pattern(kind, kind.form) for kind in declared() if kind.form and kind.form.calls]


def _pattern(kind: Any, form: Form) -> Pattern:
    if issubclass(kind, Broadcast):
        return _of_two(kind, form)
    if issubclass(kind, Reduction):
        return _reduction(kind, form)
    return _of_one(kind, form)


def _of_one(kind: Any, form: Form) -> Pattern:
    x = dequantized()
    call = is_op(f"relax.{form.relax}")(x)

    def make(match: Match) -> Operator:
        given = (getattr(match["call"].attrs, name) for name in form.attributes)
        made: Operator = kind(
            match.tensor("x"), match.output, *(float(np.float32(n)) for n in given)
        )
        return made

    roles = {"x": x, "call": call}
    if issubclass(kind, FloatFunction):
        return function(kind.name or "lut", call, roles, make, kind.function)
    return Pattern(kind.name, quantized(call), roles, ("x",), make)


def function(
    operator: str,
    call: DFPattern,
    roles: dict[str, DFPattern],
    make: Callable[[Match], Any],
    form: str = "",
) -> Pattern:
    """The entry of a function that is a table for int8: `make` gives it, or a refusal."""

    def build(match: Match) -> Operator | Refusal:
        made: FloatFunction | Refusal = make(match)
        if isinstance(made, Refusal) or not made.has_table:
            return made
        return tabulated(made)

    def tables(match: Match, chip: Chip) -> tuple[Array, ...]:
        made: FloatFunction | Refusal = make(match)
        if isinstance(made, Refusal) or not made.has_table:
            return ()
        return (table_of(made, chip),)

    return Pattern(operator, quantized(call), roles, ("x",), build, tables=tables, form=form)


def _of_two(kind: type[Broadcast], form: Form) -> Pattern:
    a, b = dequantized(), dequantized()
    call = is_op(f"relax.{form.relax}")(a, b)
    result, relu = with_relu(call) if issubclass(kind, WithRelu) else (call, None)
    compares = issubclass(kind, Comparison)

    def build(match: Match) -> Operator:
        y = Tensor("bool", shape_of(match.root)) if compares else match.output
        known = _is_constant(match, "a"), _is_constant(match, "b")
        return kind.made(match.tensor("a"), match.tensor("b"), y, relu="relu" in match, known=known)

    roles = {"a": a, "b": b} | ({} if relu is None else {"relu": relu})
    return Pattern(kind.name, result if compares else quantized(result), roles, ("a", "b"), build)


def _is_constant(match: Match, role: str) -> bool:
    argument = match[role].args[0]
    return is_constant(argument) or is_constant(match.values.get(argument))


def _reduction(kind: type[Reduction], form: Form) -> Pattern:
    x = dequantized()
    steps = [x]
    for name in form.calls:
        steps.append(is_op(f"relax.{name}")(steps[-1]))
    reducing = next(place for place, name in enumerate(form.calls) if name in REDUCING)
    roles = {"x": x, "reduction": steps[reducing + 1]}
    return Pattern(kind.name, quantized(steps[-1]), roles, ("x",), reduction_of(kind))


def reduction_of(kind: type[Reduction]) -> Callable[[Match], Operator | Refusal]:
    """Builds a reduction from its input and the axes of the call in the role `reduction`."""

    def build(match: Match) -> Operator | Refusal:
        attrs, x, y = match["reduction"].attrs, match.tensor("x"), match.output
        rank = len(x.shape)
        axes = range(rank) if attrs.axis is None else (int(axis) % rank for axis in attrs.axis)
        if len(y.shape) != rank:
            return AXES_ARE_KEPT.refused(f"{rank} dimensions become {len(y.shape)}")
        return kind(x, y, tuple(sorted(axes)))

    return build
