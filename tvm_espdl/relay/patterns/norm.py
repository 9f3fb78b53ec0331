"""Divisions by a norm: rms_norm and lp_norm, as one call or spelled out in smaller ones.

Between the calls nothing is quantized: a model that quantizes there means those integers, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tvm.relax.dpl import DFPattern, is_const, is_op, wildcard

from ...ops import Operator, Refusal, Tensor
from ...ops.base.form_rule import FormRule
from ...ops.base.rounding import Array
from ...ops.lp_norm import LpNorm
from ...ops.rms_norm import RmsNorm
from ..ir import array_of
from .dataflow import dequantized, quantized
from .match import Match, Pattern
from .spelled_out import either

NORMALIZED_AXES_ARE_TRAILING = FormRule(
    "normalized_axes_are_trailing",
    ("rms_norm",),
    "A root-mean-square normalization runs over the last dimensions of its input.",
    "the last one or several",
    "transpose the input first",
)
VECTORS_LIE_ALONG_ONE_AXIS = FormRule(
    "vectors_lie_along_one_axis",
    ("lp_norm",),
    "A division by a norm has vectors along one axis.",
    "one axis",
    "reshape the input so that each vector is one axis",
)


def patterns() -> list[Pattern]:
    """lp_norm of both kinds and rms_norm."""
    return [_lp_norm(1), _lp_norm(2), _rms_norm(), _rms_norm_in_steps()]


def _rms_norm() -> Pattern:
    x = dequantized()
    plain, packed = is_const(), dequantized(is_const())
    norm = is_op("relax.nn.rms_norm")(x, plain | packed)
    roles = {"x": x, "scale": plain, "packed": packed, "norm": norm}

    def build(match: Match) -> Operator | Refusal:
        attrs = match["norm"].attrs
        return _of_axes(match, attrs.axes, float(attrs.epsilon))

    return Pattern("rms_norm", quantized(norm), roles, ("x",), build, _scales)


def _rms_norm_in_steps() -> Pattern:
    """`x / sqrt(mean(x**2) + epsilon) * scale`, its products and quotients in any order."""
    source = wildcard()
    x, base, again, once_more = (dequantized(source) for _ in range(4))
    two, epsilon, one, plain = (is_const() for _ in range(4))
    packed = dequantized(is_const())
    square = (
        is_op("relax.power")(base, two)
        | is_op("relax.multiply")(again, once_more)
        | is_op("relax.square")(base)
    )
    mean = is_op("relax.mean")(square)
    sum_ = either("relax.add", mean, epsilon)
    root = is_op("relax.sqrt")(sum_)
    inverse = is_op("relax.divide")(one, root) | is_op("relax.rsqrt")(sum_)
    normalized = is_op("relax.divide")(x, root) | either("relax.multiply", x, inverse)
    result = either("relax.multiply", normalized, plain | packed)
    roles = {
        **{"x": x, "scale": plain, "packed": packed, "mean": mean},
        **{"two": two, "epsilon": epsilon, "one": one},
    }

    def build(match: Match) -> Operator | Refusal:
        return _of_axes(match, match["mean"].attrs.axis, _number(match, "epsilon", 0.0))

    def applies(match: Match) -> bool:
        numbers = _number(match, "two", 2.0), _number(match, "one", 1.0)
        single = array_of(match["epsilon"]).size == 1
        return numbers == (2.0, 1.0) and single and bool(match["mean"].attrs.keepdims)

    pattern, form = quantized(result), "in steps"
    return Pattern("rms_norm", pattern, roles, ("x",), build, _scales, applies=applies, form=form)


def _number(match: Match, role: str, absent: float) -> float:
    """A constant of one element; NaN where it has more."""
    if role not in match:
        return absent
    array = array_of(match[role])
    return float(array.ravel()[0]) if array.size == 1 else float("nan")


def _of_axes(match: Match, given: Any, epsilon: float) -> Operator | Refusal:
    x = match.tensor("x")
    rank = len(x.shape)
    axes = list(range(rank)) if given is None else sorted(int(axis) % rank for axis in given)
    if axes != list(range(axes[0], rank)):
        return NORMALIZED_AXES_ARE_TRAILING.refused(f"axes {axes} of {rank} dimensions")
    scale = Tensor("float32", _scales(match)[0].shape)
    return RmsNorm(x, match.output, scale, axes[0], epsilon)


def _scales(match: Match) -> tuple[Array, ...]:
    """The factors as float32 numbers; a single one is repeated."""
    if "packed" in match:
        exponents = np.array(match.tensor("packed").exponent, np.int32)
        factors = np.ldexp(match.constant("packed").astype(np.float32), exponents)
    else:
        factors = array_of(match["scale"])
    factors = factors.astype(np.float32)
    wide = match.tensor("x").shape
    leading = next((n for n, extent in enumerate(factors.shape) if extent != 1), factors.ndim)
    core = factors.reshape(factors.shape[leading:])
    axis = _first_axis(match, len(wide))
    if core.ndim <= len(wide) - axis and core.size <= np.prod(wide[axis:]):
        return (np.ascontiguousarray(np.broadcast_to(core, wide[axis:])),)
    return (factors,)


def _first_axis(match: Match, rank: int) -> int:
    attrs = match["norm"].attrs if "norm" in match else match["mean"].attrs
    axes = attrs.axes if "norm" in match else attrs.axis
    return 0 if axes is None else min(int(axis) % rank for axis in axes)


def _lp_norm(p: int) -> Pattern:
    """`x / max(norm(x), epsilon)`; without epsilon, or with one below the smallest norm."""
    source = wildcard()
    x, again = dequantized(source), dequantized(source)
    total = is_op("relax.sum")(is_op("relax.abs" if p == 1 else "relax.square")(again))
    norm = total if p == 1 else is_op("relax.sqrt")(total)
    floor = is_const()
    clip = is_op("relax.clip")(norm, wildcard(), wildcard())
    limited = norm | either("relax.maximum", norm, floor) | clip
    divisor: DFPattern = limited | is_op("relax.broadcast_to")(limited, wildcard())
    result = is_op("relax.divide")(x, divisor)

    def build(match: Match) -> Operator | Refusal:
        tensor, given = match.tensor("x"), match["total"].attrs.axis
        rank = len(tensor.shape)
        axes = list(range(rank)) if given is None else [int(axis) % rank for axis in given]
        if len(axes) != 1:
            return VECTORS_LIE_ALONG_ONE_AXIS.refused(f"axes {axes}")
        return LpNorm(tensor, match.output, axes[0], p)

    roles = {"x": x, "total": total, "floor": floor, "clip": clip}
    pattern, form = quantized(result), f"p={p}"
    return Pattern("lp_norm", pattern, roles, ("x",), build, applies=_limits_nothing, form=form)


def _limits_nothing(match: Match) -> bool:
    """Whether only a norm of zero is below the limit: others are at least one step."""
    if not bool(match["total"].attrs.keepdims):
        return False
    smallest = 2.0 ** match.tensor("x").uniform_exponent
    if "clip" in match:
        low, high = (float(limit.value) for limit in match["clip"].args[1:3])
        return 0 <= low <= smallest and high >= 2.0**100
    return 0 <= _number(match, "floor", 0.0) <= smallest
