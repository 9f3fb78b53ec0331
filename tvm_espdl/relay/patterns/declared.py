"""Patterns of ordinary operators, made from the Relax calls that their forms declare.

Either input of two may be a dequantized constant: it stays an input of the operator. The reduction
that reads its input twice is here, too. Axes are kept: what drops them is a reshape behind.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from tvm.relax.dpl import is_op

from ...ops import Operator, Refusal, Tensor
from ...ops.base.broadcast import Broadcast, WithRelu
from ...ops.base.comparison import Comparison
from ...ops.base.form import Form
from ...ops.base.form_rule import FormRule
from ...ops.base.function import FloatFunction
from ...ops.base.reduction import Reduction
from ...ops.base.registry import declared
from ...ops.reduce_log_sum_exp import ReduceLogSumExp
from ..ir import shape_of
from . import float_constants, spelled
from .dataflow import dequantized, quantized, with_relu
from .match import Match, Pattern, of_call
from .tables import function

# Of the calls of a reduction, those that reduce.
REDUCING = ("max", "mean", "min", "prod", "sum")
AXES_ARE_KEPT = FormRule(
    "axes_are_kept",
    tuple(kind.name for kind in declared() if issubclass(kind, Reduction)),
    "A reduction keeps its axes, with extent 1.",
    "keepdims=1",
    "reduce with keepdims=1, and reshape",
)
MAXIMUM_IS_OF_THE_INPUT = FormRule(
    "maximum_is_of_the_input",
    ("reduce_log_sum_exp",),
    "The maximum that is subtracted before the exponentials is that of the input.",
    "the maximum of the input",
    "export ReduceLogSumExp as one operator",
)


def patterns() -> list[Pattern]:
    """One of each operator that is a plain call, or calls around each other; then larger ones.

    Those of constants that stay float only say why: they are tried last.
    """
    ordinary = (_pattern(kind, kind.form) for kind in declared() if kind.form and kind.form.calls)
    return [*float_constants.patterns(), *ordinary, _log_sum_exp(), *spelled.patterns()]


def _pattern(kind: Any, form: Form) -> Pattern:
    if issubclass(kind, Broadcast):
        return _of_two(kind, form)
    if issubclass(kind, Reduction):
        return _reduction(kind, form)
    return _of_one(kind, form)


def _of_one(kind: Any, form: Form) -> Pattern:
    def make(match: Match) -> Operator:
        given = (getattr(match["call"].attrs, name) for name in form.attributes)
        numbers = (float(np.float32(n)) for n in given)
        made: Operator = kind(match.tensor("x"), match.output, *numbers)
        return made

    if not issubclass(kind, FloatFunction):
        return of_call(kind.name, form.calls[0], make)
    x = dequantized()
    call = is_op(f"relax.{form.relax}")(x)
    return function(kind.name or "lut", call, {"x": x, "call": call}, make, kind.function)


def _of_two(kind: type[Broadcast], form: Form) -> Pattern:
    a, b = dequantized(), dequantized()
    call = is_op(f"relax.{form.relax}")(a, b)
    result, relu = with_relu(call) if issubclass(kind, WithRelu) else (call, None)
    compares = issubclass(kind, Comparison)

    def build(match: Match) -> Operator:
        y = Tensor("bool", shape_of(match.root)) if compares else match.output
        known = match.is_constant("a"), match.is_constant("b")
        return kind.made(match.tensor("a"), match.tensor("b"), y, relu="relu" in match, known=known)

    roles = {"a": a, "b": b} | ({} if relu is None else {"relu": relu})
    return Pattern(kind.name, result if compares else quantized(result), roles, build, ("a", "b"))


def _reduction(kind: type[Reduction], form: Form) -> Pattern:
    x = dequantized()
    steps = [x]
    for name in form.calls:
        steps.append(is_op(f"relax.{name}")(steps[-1]))
    reducing = next(place for place, name in enumerate(form.calls) if name in REDUCING)
    roles = {"x": x, "reduction": steps[reducing + 1]}
    return Pattern(kind.name, quantized(steps[-1]), roles, partial(_reduced, kind))


def _reduced(kind: type[Reduction], match: Match) -> Operator | Refusal:
    """A reduction, of its input and the axes of the call in the role `reduction`."""
    x, y = match.tensor("x"), match.output
    if len(y.shape) != len(x.shape):
        return AXES_ARE_KEPT.refused(f"{len(x.shape)} dimensions become {len(y.shape)}")
    return kind(x, y, tuple(sorted(match.axes(match["reduction"].attrs.axis))))


def _log_sum_exp() -> Pattern:
    """TVM's importer subtracts the maximum, which reads the input a second time."""
    x, again = dequantized(), dequantized()
    largest = is_op("relax.max")(again)
    reduced = is_op("relax.sum")(is_op("relax.exp")(is_op("relax.subtract")(x, largest)))
    result = is_op("relax.add")(is_op("relax.log")(reduced), largest)

    def build(match: Match) -> Operator | Refusal:
        if match["x"].args[0].same_as(match["again"].args[0]):
            return _reduced(ReduceLogSumExp, match)
        return MAXIMUM_IS_OF_THE_INPUT.refused("the maximum of another tensor")

    roles = {"x": x, "again": again, "reduction": reduced}
    return Pattern("reduce_log_sum_exp", quantized(result), roles, build)
