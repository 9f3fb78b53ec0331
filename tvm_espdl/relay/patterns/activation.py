"""Activation functions that the model spells out in many float calls, gelu by tanh, and PReLU.

What is spelled out becomes one operator: the chip has one for it, which rounds only once, at the
end. The input is read twice, so it is dequantized twice: `x` and `again`. Between the calls nothing
is quantized: a model that quantizes there means those integers, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from tvm.relax.dpl import DFPattern, is_op, wildcard

from ...chips import Chip
from ...ops import Operator, Refusal, Tensor, operator_class
from ...ops.base.form_rule import FormRule
from ...ops.base.function import FloatFunction
from ...ops.base.rounding import Array
from ...ops.gelu import Gelu
from ...ops.leaky_relu import LeakyRelu
from ...ops.prelu import Prelu
from .dataflow import constant, dequantized, dequantized_constant, either, maybe_reshaped, quantized
from .declared import function
from .match import Match, Pattern

Parameters = tuple[float, ...]
TOLERANCE = 1e-4  # of constants: exporters write a sixth in few digits

CALLS_SPELL_A_FUNCTION = FormRule(
    "calls_spell_a_function",
    ("elu", "hard_sigmoid", "hard_swish", "swish"),
    "Smaller calls become one function where they are exactly that function of one input.",
    "the constants of the function, and one input at one exponent",
    "use the framework's own function",
)
ALPHA_RUNS_ALONG_CHANNELS = FormRule(
    "alpha_runs_along_channels",
    ("prelu",),
    "The factors of a PReLU belong to the channels.",
    "axis 1, channels",
    "use one factor, or one for each channel",
)


def patterns() -> list[Pattern]:
    """Those that are spelled out, the largest last."""
    x, alpha = dequantized(), dequantized_constant()
    call = is_op("relax.nn.prelu")(x, maybe_reshaped(alpha))
    roles = {"x": x, "alpha": alpha, "call": call}
    return [
        function("lut", is_op("relax.nn.gelu_tanh")(x), {"x": x}, _gelu_tanh, "gelu_tanh"),
        Pattern("prelu", quantized(call), roles, _prelu, constants=_alpha),
        *(_spelled(*row) for row in SPELLED),
    ]


def _gelu_tanh(match: Match) -> FloatFunction:
    return Gelu(match.tensor("x"), match.output, approximate=True)


def _prelu(match: Match) -> Operator | Refusal:
    x, alpha, factors = match.tensor("x"), match.tensor("alpha"), match.constant("alpha")
    if factors.size == 1 and x.dtype == "int8":
        slope = math.ldexp(float(factors.ravel()[0]), alpha.uniform_exponent)
        return LeakyRelu(x, match.output, slope)
    axis = match.axis()
    if factors.size > 1 and axis != 1:
        return ALPHA_RUNS_ALONG_CHANNELS.refused(f"axis {axis}")
    kind = Tensor(alpha.dtype, _alpha_of(match).shape, alpha.exponent)
    return Prelu(*match.images(), kind, int(np.abs(factors.astype(np.int64)).max()))


def _alpha(match: Match, chip: Chip) -> tuple[Array, ...]:
    """The factors of a PReLU; none where it has become a leaky ReLU."""
    return (_alpha_of(match),) if isinstance(_prelu(match), Prelu) else ()


def _alpha_of(match: Match) -> Array:
    """One factor for each channel, a single one repeated as the chip does it."""
    factors = match.constant("alpha").ravel()
    return np.repeat(factors, match.tensor("x").shape[1]) if factors.size == 1 else factors


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
