"""Comparisons, whose result is bool, and powers and remainders; both inputs are broadcast.

Either input may be a dequantized constant: it stays an input of the operator. Constants that are
floats have become such by then, where they can (`transform.forms.numbers`).
"""

from __future__ import annotations

from typing import Any

from tvm.relax.dpl import is_const, is_op

from ...ops import Operator, Refusal, Tensor, operator_class
from ...ops.base.form_rule import FormRule
from ..ir import array_of, shape_of
from .arithmetic import plain
from .dataflow import dequantized, quantized
from .match import Match, Pattern

COMPARISONS = {
    "equal": "relax.equal",
    "greater": "relax.greater",
    "greater_equal": "relax.greater_equal",
    "less": "relax.less",
    "less_equal": "relax.less_equal",
}
POWERS = {"pow": "relax.power", "mod": "relax.mod"}

REMAINDER_HAS_THE_SIGN_OF_THE_DIVIDEND = FormRule(
    "remainder_has_the_sign_of_the_dividend",
    ("mod",),
    "A remainder has the sign of the dividend, as C's fmod gives it.",
    "fmod=1",
    "export Mod with fmod=1",
)
CONSTANT_IS_AN_INTEGER_AT_AN_EXPONENT = FormRule(
    "constant_is_an_integer_at_an_exponent",
    (*COMPARISONS, *POWERS),
    "A float constant that is compared, or that a power or a remainder is formed with, can be "
    "written as integers without changing a result.",
    "numbers that the input's type can hold at one exponent; limits inside the input's range",
    "quantize the constant",
)


def patterns() -> list[Pattern]:
    """Refusals first: they are tried last."""
    unknown = [_of_floats(*row, left=left) for row in _rows() for left in (False, True)]
    compared = [_comparison(*row) for row in COMPARISONS.items()]
    return [*unknown, _floor_mod(), *compared, *(plain(*row) for row in POWERS.items())]


def _rows() -> list[tuple[str, str]]:
    return [*COMPARISONS.items(), *POWERS.items()]


def _comparison(operator: str, call: str) -> Pattern:
    a, b = dequantized(), dequantized()

    def build(match: Match) -> Operator:
        kind: Any = operator_class(operator)
        y = Tensor("bool", shape_of(match.root))
        made: Operator = kind(match.tensor("a"), match.tensor("b"), y)
        return made

    return Pattern(operator, is_op(call)(a, b), {"a": a, "b": b}, ("a", "b"), build)


def _of_floats(operator: str, call: str, *, left: bool) -> Pattern:
    """A constant that could not be made integers: only to say why."""
    x, number = dequantized(), is_const()
    result = is_op(call)(number, x) if left else is_op(call)(x, number)

    def build(match: Match) -> Operator | Refusal:
        values = array_of(match["number"]).ravel()
        shown = f"{values[0]:g}" if values.size == 1 else f"{values.size} numbers"
        found = f"{shown}, compared or combined with {match.tensor('x').dtype}"
        return CONSTANT_IS_AN_INTEGER_AT_AN_EXPONENT.refused(found)

    pattern = quantized(result) if operator in POWERS else result
    roles = {"x": x, "number": number}
    form = f"float constant on the {'left' if left else 'right'}"
    return Pattern(operator, pattern, roles, ("x",), build, form=form)


def _floor_mod() -> Pattern:
    """ONNX's `fmod=0`: only to say why not."""
    x = dequantized()
    result = is_op("relax.floor_mod")(x, dequantized() | is_const())

    def build(match: Match) -> Operator | Refusal:
        return REMAINDER_HAS_THE_SIGN_OF_THE_DIVIDEND.refused("fmod=0")

    return Pattern("mod", quantized(result), {"x": x}, ("x",), build, form="fmod=0")
