"""Activation functions that the model spells out in many float calls.

What is spelled out becomes one operator: the chip has one for it, which rounds only once, at the
end. The input is read twice, so it is dequantized twice: `x` and `again`. Between the calls nothing
is quantized: a model that quantizes there means those integers, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tvm.relax.dpl import DFPattern, is_op, wildcard

from ...ops import Refusal, operator_class
from ...ops.base.form_rule import FormRule
from ...ops.base.function import FloatFunction
from .dataflow import constant, dequantized, either
from .match import Match, Pattern
from .tables import function

Parameters = tuple[float, ...]
TOLERANCE = 1e-4  # of constants: exporters write a sixth in few digits

CALLS_SPELL_A_FUNCTION = FormRule(
    "calls_spell_a_function",
    ("elu", "hard_sigmoid", "hard_swish", "swish"),
    "Smaller calls become one function where they are exactly that function of one input.",
    "the constants of the function, and one input at one exponent",
    "use the framework's own function",
)


def patterns() -> list[Pattern]:
    """All of them, the largest last."""
    return [_spelled(*row) for row in SPELLED]


class _Draft:
    """The inputs and constants of one pattern, by role, as its calls ask for them."""

    def __init__(self) -> None:
        self.source = wildcard()
        self.roles: dict[str, Any] = {}

    def read(self, role: str) -> DFPattern:
        """The input, dequantized once more."""
        self.roles[role] = dequantized(self.source)
        return self.roles[role]

    def number(self, role: str) -> DFPattern:
        """A constant of one element, quantized or not."""
        pattern, roles = constant(role)
        self.roles |= roles
        return pattern

    def clip(self, argument: DFPattern) -> DFPattern:
        """A clip, in the role of that name."""
        self.roles["clip"] = is_op("relax.clip")(argument, wildcard(), wildcard())
        return self.roles["clip"]


def _spelled(
    operator: str,
    form: str,
    calls: Callable[[_Draft], DFPattern],
    parameters: Callable[[Match], Parameters | None],
) -> Pattern:
    """A function that is spelled out: `parameters` are None where the constants are another's."""
    draft = _Draft()
    result = calls(draft)

    def make(match: Match) -> FloatFunction | Refusal:
        if "again" in match and match.tensor("again") != match.tensor("x"):
            return CALLS_SPELL_A_FUNCTION.refused(f"{operator} of its input at two exponents")
        values = parameters(match)
        if values is None:
            return CALLS_SPELL_A_FUNCTION.refused(f"other constants than those of {operator}")
        kind: Any = operator_class(operator)
        made: FloatFunction = kind(match.tensor("x"), match.output, *values)
        return made

    return function(operator, result, draft.roles, make, form)


def _product(left: DFPattern, right: DFPattern) -> DFPattern:
    return either("relax.multiply", left, right)


def _times(draft: _Draft, factor: DFPattern) -> DFPattern:
    """`x * factor`."""
    return _product(draft.read("x"), factor)


def _swish(draft: _Draft) -> DFPattern:
    """`x * sigmoid(x)`."""
    return _times(draft, is_op("relax.sigmoid")(draft.read("again")))


def _line(draft: _Draft, role: str) -> DFPattern:
    """`clip(alpha * x + beta)`, as TVM's importer writes HardSigmoid."""
    product = _product(draft.read(role), draft.number("alpha"))
    return draft.clip(either("relax.add", product, draft.number("beta")))


def _shifted_clip(draft: _Draft, role: str) -> DFPattern:
    """`clip(x + 3)`."""
    return draft.clip(either("relax.add", draft.read(role), draft.number("three")))


def _sixth(draft: _Draft, dividend: DFPattern) -> DFPattern:
    """A sixth, by a division or a product."""
    by_product = _product(dividend, draft.number("sixth"))
    return is_op("relax.divide")(dividend, draft.number("six")) | by_product


def _sixth_of_product(draft: _Draft) -> DFPattern:
    """`(x * clip(x + 3, 0, 6)) / 6`, as PyTorch exports HardSwish."""
    return _sixth(draft, _times(draft, _shifted_clip(draft, "again")))


def _elu(draft: _Draft) -> DFPattern:
    """`-alpha * relu(1 - exp(x)) + relu(x)`, as TVM's importer writes it."""
    exponential = is_op("relax.exp")(draft.read("again"))
    below = is_op("relax.nn.relu")(is_op("relax.subtract")(draft.number("one"), exponential))
    scaled = _product(draft.number("minus alpha"), below)
    return either("relax.add", scaled, is_op("relax.nn.relu")(draft.read("x")))


def _near(found: Parameters, wanted: Parameters) -> bool:
    return bool(np.allclose(found, wanted, rtol=TOLERANCE, atol=0))


def _is_sixth_of_clip(match: Match) -> bool:
    six = match.number("six", absent=0.0)
    sixth = 1.0 / six if six else match.number("sixth")
    numbers = (match.number("three"), sixth, *match.limits("clip"))
    return _near(numbers, (3.0, 1.0 / 6.0, 0.0, 6.0))


def _of_any_line(match: Match) -> Parameters | None:
    line = match.number("alpha"), match.number("beta")
    return line if match.limits("clip") == (0.0, 1.0) and np.isfinite(line).all() else None


def _of_clip(match: Match) -> Parameters | None:
    return (float(np.float32(1.0 / 6.0)), 0.5) if _is_sixth_of_clip(match) else None


def _of_elu(match: Match) -> Parameters | None:
    alpha = -match.number("minus alpha")
    return (alpha,) if match.number("one") == 1.0 and np.isfinite(alpha) else None


def _is_hard_swish(match: Match) -> Parameters | None:
    numbers = (match.number("alpha"), match.number("beta"), *match.limits("clip"))
    return () if _near(numbers, (1.0 / 6.0, 0.5, 0.0, 1.0)) else None


def _sixths(match: Match) -> Parameters | None:
    return () if _is_sixth_of_clip(match) else None


# Operator, form, calls, and what finds the parameters in a match.
SPELLED: tuple[tuple[str, str, Callable[[_Draft], DFPattern], Any], ...] = (
    # `clip(alpha * x + beta, 0, 1)`
    ("hard_sigmoid", "of a line", lambda d: _line(d, "x"), _of_any_line),
    # `clip(x + 3, 0, 6) / 6`
    ("hard_sigmoid", "of a clip", lambda d: _sixth(d, _shifted_clip(d, "x")), _of_clip),
    ("elu", "spelled out", _elu, _of_elu),
    ("swish", "spelled out", _swish, lambda match: ()),
    # `x * clip(x / 6 + 0.5, 0, 1)`
    ("hard_swish", "of a line", lambda d: _times(d, _line(d, "again")), _is_hard_swish),
    # `x * (clip(x + 3, 0, 6) / 6)`, as TVM's importer writes HardSwish
    ("hard_swish", "of a clip", lambda d: _times(d, _sixth(d, _shifted_clip(d, "again"))), _sixths),
    ("hard_swish", "of a product", _sixth_of_product, _sixths),
)
