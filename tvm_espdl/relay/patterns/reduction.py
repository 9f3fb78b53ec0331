"""The reduction that reads its input twice. Axes are kept: what drops them is a reshape behind."""

from __future__ import annotations

from tvm.relax.dpl import is_op

from ...ops import Operator, Refusal
from ...ops.base.form_rule import FormRule
from ...ops.reduce_log_sum_exp import ReduceLogSumExp
from .dataflow import dequantized, quantized
from .declared import reduction_of
from .match import Match, Pattern

MAXIMUM_IS_OF_THE_INPUT = FormRule(
    "maximum_is_of_the_input",
    ("reduce_log_sum_exp",),
    "The maximum that is subtracted before the exponentials is that of the input.",
    "the maximum of the input",
    "export ReduceLogSumExp as one operator",
)


def patterns() -> list[Pattern]:
    """Of the one that no calls around each other are."""
    return [_log_sum_exp()]


def _log_sum_exp() -> Pattern:
    """TVM's importer subtracts the maximum, which reads the input a second time."""
    x, again = dequantized(), dequantized()
    largest = is_op("relax.max")(again)
    reduced = is_op("relax.sum")(is_op("relax.exp")(is_op("relax.subtract")(x, largest)))
    result = is_op("relax.add")(is_op("relax.log")(reduced), largest)
    build = reduction_of(ReduceLogSumExp)

    def build_of_one_input(match: Match) -> Operator | Refusal:
        if match["x"].args[0].same_as(match["again"].args[0]):
            return build(match)
        return MAXIMUM_IS_OF_THE_INPUT.refused("the maximum of another tensor")

    roles = {"x": x, "again": again, "reduction": reduced}
    return Pattern("reduce_log_sum_exp", quantized(result), roles, ("x",), build_of_one_input)
