"""PReLU, and gelu by tanh, for which Relax has a call."""

from __future__ import annotations

import math

import numpy as np
from tvm.relax.dpl import is_op

from ...chips import Chip
from ...ops import Operator, Refusal, Tensor
from ...ops.base.form_rule import FormRule
from ...ops.base.function import FloatFunction
from ...ops.base.rounding import Array
from ...ops.gelu import Gelu
from ...ops.leaky_relu import LeakyRelu
from ...ops.prelu import Prelu
from .dataflow import dequantized, dequantized_constant, maybe_reshaped, quantized
from .match import Match, Pattern
from .tables import function

ALPHA_RUNS_ALONG_CHANNELS = FormRule(
    "alpha_runs_along_channels",
    ("prelu",),
    "The factors of a PReLU belong to the channels.",
    "axis 1, channels",
    "use one factor, or one for each channel",
)


def patterns() -> list[Pattern]:
    """Gelu by tanh, and PReLU."""
    x, alpha = dequantized(), dequantized_constant()
    call = is_op("relax.nn.prelu")(x, maybe_reshaped(alpha))
    roles = {"x": x, "alpha": alpha, "call": call}
    return [
        function("lut", is_op("relax.nn.gelu_tanh")(x), {"x": x}, _gelu_tanh, "gelu_tanh"),
        Pattern("prelu", quantized(call), roles, _prelu, constants=_alpha),
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
