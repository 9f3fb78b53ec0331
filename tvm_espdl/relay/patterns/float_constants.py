"""Why comparisons, powers and remainders with constants that are floats stay in float.

Such constants have become integers by then, where they can (`transform.forms.numbers`).
"""

from __future__ import annotations

from tvm.relax.dpl import is_const, is_op

from ...ops import Operator, Refusal
from ...ops.base.broadcast import RealBroadcast
from ...ops.base.comparison import Comparison
from ...ops.base.form_rule import FormRule
from ...ops.base.registry import declared
from ..ir import array_of
from .dataflow import dequantized, quantized
from .match import Match, Pattern, of_call

_COMBINING = tuple(kind for kind in declared() if issubclass(kind, (Comparison, RealBroadcast)))

REMAINDER_HAS_THE_SIGN_OF_THE_DIVIDEND = FormRule(
    "remainder_has_the_sign_of_the_dividend",
    ("mod",),
    "A remainder has the sign of the dividend, as C's fmod gives it.",
    "fmod=1",
    "export Mod with fmod=1",
)
CONSTANT_IS_AN_INTEGER_AT_AN_EXPONENT = FormRule(
    "constant_is_an_integer_at_an_exponent",
    tuple(kind.name for kind in _COMBINING),
    "A float constant that is compared, or that a power or a remainder is formed with, can be "
    "written as integers without changing a result.",
    "numbers that the input's type can hold at one exponent; limits inside the input's range",
    "quantize the constant",
)


def patterns() -> list[Pattern]:
    """Refusals only: these are tried last."""
    return [
        *(_of_floats(kind, left=left) for kind in _COMBINING for left in (False, True)),
        of_call("mod", "floor_mod", _floor_mod, dequantized() | is_const(), form="fmod=0"),
    ]


def _of_floats(kind: type[Operator], *, left: bool) -> Pattern:
    """A constant that could not be made integers: only to say why."""
    x, number = dequantized(), is_const()
    call = is_op(f"relax.{kind.form.relax if kind.form else ''}")
    result = call(number, x) if left else call(x, number)
    pattern = result if issubclass(kind, Comparison) else quantized(result)
    form = f"float constant on the {'left' if left else 'right'}"
    return Pattern(kind.name, pattern, {"x": x, "number": number}, _no_integer, form=form)


def _no_integer(match: Match) -> Refusal:
    values = array_of(match["number"]).ravel()
    shown = f"{values[0]:g}" if values.size == 1 else f"{values.size} numbers"
    found = f"{shown}, compared or combined with {match.tensor('x').dtype}"
    return CONSTANT_IS_AN_INTEGER_AT_AN_EXPONENT.refused(found)


def _floor_mod(match: Match) -> Refusal:
    """ONNX's `fmod=0`: only to say why not."""
    return REMAINDER_HAS_THE_SIGN_OF_THE_DIVIDEND.refused("fmod=0")
