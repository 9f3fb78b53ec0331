"""Activation functions that the model spells out in many float calls, gelu by tanh, and PReLU.

What is spelled out becomes one operator: the chip has one for it, which rounds only once, at the
end.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
from tvm.relax.dpl import is_op, wildcard

from ...ops import Operator, Refusal, Tensor, operator_class
from ...ops.base.form_rule import FormRule
from ...ops.base.function import FloatFunction
from ...ops.base.rounding import Array
from ...ops.gelu import Gelu
from ...ops.leaky_relu import LeakyRelu
from ...ops.prelu import Prelu
from .dataflow import channels_last, dequantized, dequantized_constant, quantized
from .declared import function
from .match import Match, Pattern
from .spelled_out import (
    Spelled,
    elu,
    hard_sigmoid,
    hard_sigmoid_of_clip,
    hard_swish,
    hard_swish_of_clip,
    hard_swish_of_product,
    swish,
)

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
    return [
        _gelu_tanh(),
        _prelu(),
        _spelled("hard_sigmoid", hard_sigmoid(), "of a line"),
        _spelled("hard_sigmoid", hard_sigmoid_of_clip(), "of a clip"),
        _spelled("elu", elu(), "spelled out"),
        _spelled("swish", swish(), "spelled out"),
        _spelled("hard_swish", hard_swish(), "of a line"),
        _spelled("hard_swish", hard_swish_of_clip(), "of a clip"),
        _spelled("hard_swish", hard_swish_of_product(), "of a product"),
    ]


def _spelled(operator: str, spelled: Spelled, form: str) -> Pattern:
    def make(match: Match) -> FloatFunction | Refusal:
        if "again" in match and match.tensor("again") != match.tensor("x"):
            return CALLS_SPELL_A_FUNCTION.refused(f"{operator} of its input at two exponents")
        values = spelled.parameters(match)
        if values is None:
            return CALLS_SPELL_A_FUNCTION.refused(f"other constants than those of {operator}")
        kind: Any = operator_class(operator)
        made: FloatFunction = kind(match.tensor("x"), match.output, *values)
        return made

    return function(operator, spelled.result, spelled.roles, make, form)


def _gelu_tanh() -> Pattern:
    x = dequantized()

    def make(match: Match) -> FloatFunction:
        return Gelu(match.tensor("x"), match.output, approximate=True)

    return function("lut", is_op("relax.nn.gelu_tanh")(x), {"x": x}, make, "gelu_tanh")


def _prelu() -> Pattern:
    x, alpha = dequantized(), dequantized_constant()
    factors = alpha | is_op("relax.reshape")(alpha, wildcard())
    call = is_op("relax.nn.prelu")(x, factors)
    roles: dict[str, Any] = {"x": x, "alpha": alpha, "call": call}
    return Pattern("prelu", quantized(call), roles, ("x",), _build_prelu, _alpha)


def _build_prelu(match: Match) -> Operator | Refusal:
    x, y, alpha = match.tensor("x"), match.output, match.tensor("alpha")
    factors = match.constant("alpha")
    if factors.size == 1 and x.dtype == "int8":
        slope = math.ldexp(float(factors.ravel()[0]), alpha.uniform_exponent)
        return LeakyRelu(x, y, slope)
    axis = int(match["call"].attrs.axis) % len(x.shape)
    if factors.size > 1 and axis != 1:
        return ALPHA_RUNS_ALONG_CHANNELS.refused(f"axis {axis}")
    return Prelu(
        dataclasses.replace(x, shape=channels_last(x.shape)),
        dataclasses.replace(y, shape=channels_last(y.shape)),
        Tensor(alpha.dtype, _alpha_of(match).shape, alpha.exponent),
        int(np.abs(factors.astype(np.int64)).max()),
    )


def _alpha(match: Match) -> tuple[Array, ...]:
    """The factors of a PReLU; none where it has become a leaky ReLU."""
    return (_alpha_of(match),) if isinstance(_build_prelu(match), Prelu) else ()


def _alpha_of(match: Match) -> Array:
    """One factor for each channel, a single one repeated as the chip does it."""
    factors = match.constant("alpha").ravel()
    channels = match.tensor("x").shape[1]
    return np.repeat(factors, channels) if factors.size == 1 else factors
