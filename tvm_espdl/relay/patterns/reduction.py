"""Reductions along axes. Those that drop the axes arrive as ones that keep them and a reshape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tvm.relax.dpl import is_op

from ...ops import Operator, Refusal, operator_class
from ...ops.base.form_rule import FormRule
from .dataflow import dequantized, quantized
from .match import Match, Pattern

# Operator, what is done to the elements first, the reduction, what is done to its result.
FORMS = (
    ("reduce_mean", "", "relax.mean", ""),
    ("reduce_max", "", "relax.max", ""),
    ("reduce_min", "", "relax.min", ""),
    ("reduce_prod", "", "relax.prod", ""),
    ("reduce_sum", "", "relax.sum", ""),
    ("reduce_l1", "relax.abs", "relax.sum", ""),
    ("reduce_sum_square", "relax.square", "relax.sum", ""),
    ("reduce_log_sum", "", "relax.sum", "relax.log"),
    ("reduce_l2", "relax.square", "relax.sum", "relax.sqrt"),
)

AXES_ARE_KEPT = FormRule(
    "axes_are_kept",
    (*(form[0] for form in FORMS), "reduce_log_sum_exp"),
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
    """All reductions."""
    return [*(_reduction(*form) for form in FORMS), _log_sum_exp()]


def _reduction(operator: str, before: str, name: str, after: str) -> Pattern:
    x = dequantized()
    reduced = is_op(name)(is_op(before)(x) if before else x)
    result = is_op(after)(reduced) if after else reduced
    roles: dict[str, Any] = {"x": x, "reduction": reduced}
    build: Callable[[Match], Operator | Refusal] = _build(operator)
    return Pattern(operator, quantized(result), roles, ("x",), build)


def _build(operator: str) -> Callable[[Match], Operator | Refusal]:
    def build(match: Match) -> Operator | Refusal:
        attrs, x, y = match["reduction"].attrs, match.tensor("x"), match.output
        rank = len(x.shape)
        axes = range(rank) if attrs.axis is None else (int(axis) % rank for axis in attrs.axis)
        if len(y.shape) != rank:
            return AXES_ARE_KEPT.refused(f"{rank} dimensions become {len(y.shape)}")
        kind: Any = operator_class(operator)
        made: Operator = kind(x, y, tuple(sorted(axes)))
        return made

    return build


def _log_sum_exp() -> Pattern:
    """TVM's importer subtracts the maximum, which reads the input a second time."""
    x, again = dequantized(), dequantized()
    largest = is_op("relax.max")(again)
    reduced = is_op("relax.sum")(is_op("relax.exp")(is_op("relax.subtract")(x, largest)))
    result = is_op("relax.add")(is_op("relax.log")(reduced), largest)
    build = _build("reduce_log_sum_exp")

    def build_of_one_input(match: Match) -> Operator | Refusal:
        if match["x"].args[0].same_as(match["again"].args[0]):
            return build(match)
        return MAXIMUM_IS_OF_THE_INPUT.refused("the maximum of another tensor")

    roles = {"x": x, "again": again, "reduction": reduced}
    return Pattern("reduce_log_sum_exp", quantized(result), roles, ("x",), build_of_one_input)
