"""Activation functions as importers and exporters spell them out in smaller calls.

Here stands only what the calls look like and which constants they must have; `activation` makes
operators of them. The input is read twice, so it is dequantized twice: `x` and `again`. Between the
calls nothing is quantized: a model that quantizes there means those integers, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from tvm.relax.dpl import DFPattern, is_const, is_op, wildcard

from ..ir import array_of
from .dataflow import dequantized
from .match import Match

Parameters = Callable[[Match], tuple[float, ...] | None]
TOLERANCE = 1e-4  # of constants: exporters write a sixth in few digits


@dataclass(frozen=True, eq=False)
class Spelled:
    """A function that is spelled out.

    Attributes
    ----------
    result : DFPattern
        The outermost call.
    roles : dict of str to DFPattern
        `x`, `again` where the input is read twice, and the constants.
    parameters : callable
        The function's parameters, or None where the constants are another function's.
    """

    result: DFPattern
    roles: dict[str, Any]
    parameters: Parameters


class _Draft:
    """The inputs and constants of one pattern, by role."""

    def __init__(self) -> None:
        source = wildcard()
        self.roles: dict[str, Any] = {"x": dequantized(source), "again": dequantized(source)}

    def number(self, role: str) -> DFPattern:
        """A constant of one element, quantized or not."""
        plain, packed = is_const(), dequantized(is_const())
        self.roles |= {role: plain, _packed(role): packed}
        return plain | packed

    def clip(self, argument: DFPattern) -> DFPattern:
        """A clip, whose limits are read with `_limits`."""
        self.roles["clip"] = is_op("relax.clip")(argument, wildcard(), wildcard())
        return self.roles["clip"]


def either(call: str, left: DFPattern, right: DFPattern) -> DFPattern:
    """A call with its two arguments in any order."""
    return is_op(call)(left, right) | is_op(call)(right, left)


def _packed(role: str) -> str:
    return f"{role} quantized"


def _number(match: Match, role: str) -> float:
    if _packed(role) in match:
        value = match.constant(_packed(role)) * 2.0 ** match.tensor(_packed(role)).uniform_exponent
    else:
        value = array_of(match[role])
    return float(np.float32(value.ravel()[0])) if value.size == 1 else float("nan")


def _limits(match: Match) -> tuple[float, float]:
    low, high = (float(limit.value) for limit in match["clip"].args[1:3])
    return low, high


def _near(found: tuple[float, ...], wanted: tuple[float, ...]) -> bool:
    return bool(np.allclose(found, wanted, rtol=TOLERANCE, atol=0))


def swish() -> Spelled:
    """`x * sigmoid(x)`."""
    draft = _Draft()
    x, again = draft.roles["x"], draft.roles["again"]
    result = either("relax.multiply", x, is_op("relax.sigmoid")(again))
    return Spelled(result, draft.roles, lambda match: ())


def _line(draft: _Draft, x: DFPattern) -> DFPattern:
    """`clip(alpha * x + beta)`, as TVM's importer writes HardSigmoid."""
    product = either("relax.multiply", x, draft.number("alpha"))
    return draft.clip(either("relax.add", product, draft.number("beta")))


def _shifted_clip(draft: _Draft, x: DFPattern) -> DFPattern:
    """`clip(x + 3)`."""
    return draft.clip(either("relax.add", x, draft.number("three")))


def _sixth(draft: _Draft, dividend: DFPattern) -> DFPattern:
    """A sixth, by a division or a product."""
    by_product = either("relax.multiply", dividend, draft.number("sixth"))
    return is_op("relax.divide")(dividend, draft.number("six")) | by_product


def _is_sixth_of_clip(match: Match) -> bool:
    divides = "six" in match or _packed("six") in match
    sixth = 1.0 / _number(match, "six") if divides else _number(match, "sixth")
    numbers = (_number(match, "three"), sixth, *_limits(match))
    return _near(numbers, (3.0, 1.0 / 6.0, 0.0, 6.0))


def hard_sigmoid() -> Spelled:
    """`clip(alpha * x + beta, 0, 1)`."""
    draft = _Draft()
    _line(draft, draft.roles["x"])
    del draft.roles["again"]

    def parameters(match: Match) -> tuple[float, ...] | None:
        line = _number(match, "alpha"), _number(match, "beta")
        return line if _limits(match) == (0.0, 1.0) and np.isfinite(line).all() else None

    return Spelled(draft.roles["clip"], draft.roles, parameters)


def hard_sigmoid_of_clip() -> Spelled:
    """`clip(x + 3, 0, 6) / 6`."""
    draft = _Draft()
    result = _sixth(draft, _shifted_clip(draft, draft.roles["x"]))
    del draft.roles["again"]

    def parameters(match: Match) -> tuple[float, ...] | None:
        sixth = float(np.float32(1.0 / 6.0))
        return (sixth, 0.5) if _is_sixth_of_clip(match) else None

    return Spelled(result, draft.roles, parameters)


def hard_swish() -> Spelled:
    """`x * clip(x / 6 + 0.5, 0, 1)`."""
    draft = _Draft()
    result = either("relax.multiply", draft.roles["x"], _line(draft, draft.roles["again"]))

    def parameters(match: Match) -> tuple[float, ...] | None:
        numbers = (_number(match, "alpha"), _number(match, "beta"), *_limits(match))
        return () if _near(numbers, (1.0 / 6.0, 0.5, 0.0, 1.0)) else None

    return Spelled(result, draft.roles, parameters)


def hard_swish_of_clip() -> Spelled:
    """`x * (clip(x + 3, 0, 6) / 6)`, as TVM's importer writes HardSwish."""
    draft = _Draft()
    sixth = _sixth(draft, _shifted_clip(draft, draft.roles["again"]))
    result = either("relax.multiply", draft.roles["x"], sixth)
    return Spelled(result, draft.roles, lambda match: () if _is_sixth_of_clip(match) else None)


def hard_swish_of_product() -> Spelled:
    """`(x * clip(x + 3, 0, 6)) / 6`, as PyTorch exports it."""
    draft = _Draft()
    clip = _shifted_clip(draft, draft.roles["again"])
    result = _sixth(draft, either("relax.multiply", draft.roles["x"], clip))
    return Spelled(result, draft.roles, lambda match: () if _is_sixth_of_clip(match) else None)


def elu() -> Spelled:
    """`-alpha * relu(1 - exp(x)) + relu(x)`, as TVM's importer writes it."""
    draft = _Draft()
    exponential = is_op("relax.exp")(draft.roles["again"])
    below = is_op("relax.nn.relu")(is_op("relax.subtract")(draft.number("one"), exponential))
    scaled = either("relax.multiply", draft.number("minus alpha"), below)
    result = either("relax.add", scaled, is_op("relax.nn.relu")(draft.roles["x"]))

    def parameters(match: Match) -> tuple[float, ...] | None:
        alpha = -_number(match, "minus alpha")
        return (alpha,) if _number(match, "one") == 1.0 and np.isfinite(alpha) else None

    return Spelled(result, draft.roles, parameters)
