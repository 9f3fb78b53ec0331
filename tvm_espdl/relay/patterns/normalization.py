"""Softmaxes, whose results are float32; layer_norm, rms_norm and lp_norm.

A quantize call behind a softmax is an operator of its own. A division by a norm is one call, or
spelled out in smaller ones; between those nothing is quantized: a model that quantizes there means
those integers, too.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from tvm.relax.dpl import is_const, is_op, wildcard

from ...chips import Chip
from ...ops import Operator, Refusal, Tensor
from ...ops.base.form_rule import FormRule
from ...ops.base.rounding import Array
from ...ops.layer_norm import LayerNorm
from ...ops.log_softmax import LogSoftmax
from ...ops.lp_norm import LpNorm
from ...ops.rms_norm import RmsNorm
from ...ops.softmax import Softmax
from .dataflow import FLOAT, constant, dequantized, either, quantized
from .match import Match, Pattern, of_call

AXES_ARE_TRAILING = FormRule(
    "axes_are_trailing",
    ("layer_norm",),
    "A layer normalization runs over the last dimensions of its input.",
    "the last one or several",
    "transpose the input first",
)
PARAMETERS_ARE_QUANTIZED = FormRule(
    "parameters_are_quantized",
    ("layer_norm",),
    "Scale and bias of a layer normalization are quantized like its input.",
    "int8 or int16 constants, or none",
    "quantize them, for example with `tvm-espdl quantize`",
)
PARAMETERS_HAVE_ONE_EXPONENT = FormRule(
    "parameters_have_one_exponent",
    ("layer_norm",),
    "Scale and bias of a layer normalization have one exponent each.",
    "one exponent",
    "quantize them per tensor",
)
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
    """softmax, log_softmax, layer_norm, lp_norm of both kinds and rms_norm."""
    return [
        of_call("softmax", "nn.softmax", partial(_softmax, Softmax), floats=True),
        of_call("log_softmax", "nn.log_softmax", partial(_softmax, LogSoftmax), floats=True),
        _layer_norm(),
        _lp_norm(1),
        _lp_norm(2),
        _rms_norm(),
        _rms_norm_in_steps(),
    ]


def _softmax(kind: type[Softmax | LogSoftmax], match: Match) -> Operator:
    x = match.tensor("x")
    return kind(x, Tensor("float32", x.shape), match.axis())


def _layer_norm() -> Pattern:
    x, (scale, of_scale), (bias, of_bias) = dequantized(), constant("scale"), constant("bias")
    norm = is_op("relax.nn.layer_norm")(x, scale, bias)
    roles = {"x": x, "norm": norm, **of_scale, **of_bias}
    return Pattern("layer_norm", quantized(norm), roles, _build, constants=_parameters)


def _build(match: Match) -> Operator | Refusal:
    x, attrs = match.tensor("x"), match["norm"].attrs
    axes = sorted(match.axes(attrs.axes))
    if axes != list(range(axes[0], len(x.shape))):
        return AXES_ARE_TRAILING.refused(f"axes {axes} of {len(x.shape)} dimensions")
    parameters = {}
    for role, neutral in (("scale", 1.0), ("bias", 0.0)):
        tensor = parameters[role] = match.tensor(role) if role in match else None
        if tensor is None and not np.all(match.floats(role) == neutral):
            return PARAMETERS_ARE_QUANTIZED.refused(f"a float {role}")
        if tensor is not None and isinstance(tensor.exponent, tuple):
            found = f"{len(tensor.exponent)} exponents of the {role}"
            return PARAMETERS_HAVE_ONE_EXPONENT.refused(found)
    scale, bias = parameters["scale"], parameters["bias"]
    return LayerNorm(x, scale, bias, match.output, axes[0], float(attrs.epsilon))


def _parameters(match: Match, chip: Chip) -> tuple[Array, ...]:
    return tuple(match.constant(role) for role in ("scale", "bias") if role in match)


def _rms_norm() -> Pattern:
    x, (scale, roles) = dequantized(), constant("scale")
    norm = is_op("relax.nn.rms_norm")(x, scale)

    def build(match: Match) -> Operator | Refusal:
        attrs = match["norm"].attrs
        return _of_axes(match, attrs.axes, float(attrs.epsilon))

    roles |= {"x": x, "norm": norm}
    return Pattern("rms_norm", quantized(norm), roles, build, constants=_scales)


def _rms_norm_in_steps() -> Pattern:
    """`x / sqrt(mean(x**2) + epsilon) * scale`, its products and quotients in any order."""
    source, (scale, roles) = wildcard(), constant("scale")
    x, base, again, once_more = (dequantized(source) for _ in range(4))
    two, epsilon, one = (is_const() for _ in range(3))
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
    result = either("relax.multiply", normalized, scale)
    roles |= {"x": x, "mean": mean}
    roles |= {FLOAT + "two": two, FLOAT + "epsilon": epsilon, FLOAT + "one": one}

    def build(match: Match) -> Operator | Refusal:
        return _of_axes(match, match["mean"].attrs.axis, match.number("epsilon"))

    def applies(match: Match) -> bool:
        numbers = match.number("two", absent=2.0), match.number("one", absent=1.0)
        single = match.floats("epsilon").size == 1
        return numbers == (2.0, 1.0) and single and bool(match["mean"].attrs.keepdims)

    options: dict[str, Any] = {"constants": _scales, "applies": applies, "form": "in steps"}
    return Pattern("rms_norm", quantized(result), roles, build, **options)


def _of_axes(match: Match, given: Any, epsilon: float) -> Operator | Refusal:
    x, axes = match.tensor("x"), sorted(match.axes(given))
    if axes != list(range(axes[0], len(x.shape))):
        return NORMALIZED_AXES_ARE_TRAILING.refused(f"axes {axes} of {len(x.shape)} dimensions")
    scale = Tensor("float32", _scales(match)[0].shape)
    return RmsNorm(x, match.output, scale, axes[0], epsilon)


def _scales(match: Match, chip: Chip | None = None) -> tuple[Array, ...]:
    """The factors as float32 numbers; a single one is repeated."""
    factors = match.floats("scale").astype(np.float32)
    leading = next((n for n, extent in enumerate(factors.shape) if extent != 1), factors.ndim)
    core = factors.reshape(factors.shape[leading:])
    given = match["norm"].attrs.axes if "norm" in match else match["mean"].attrs.axis
    normalized = match.tensor("x").shape[min(match.axes(given)) :]
    if core.ndim <= len(normalized) and core.size <= np.prod(normalized):
        return (np.ascontiguousarray(np.broadcast_to(core, normalized)),)
    return (factors,)


def _lp_norm(p: int) -> Pattern:
    """`x / max(norm(x), epsilon)`; without epsilon, or with one below the smallest norm."""
    source, floor = wildcard(), is_const()
    x, again = dequantized(source), dequantized(source)
    total = is_op("relax.sum")(is_op("relax.abs" if p == 1 else "relax.square")(again))
    norm = total if p == 1 else is_op("relax.sqrt")(total)
    clip = is_op("relax.clip")(norm, wildcard(), wildcard())
    limited = norm | either("relax.maximum", norm, floor) | clip
    result = is_op("relax.divide")(x, limited | is_op("relax.broadcast_to")(limited, wildcard()))

    def build(match: Match) -> Operator | Refusal:
        axes = match.axes(match["total"].attrs.axis)
        if len(axes) != 1:
            return VECTORS_LIE_ALONG_ONE_AXIS.refused(f"axes {axes}")
        return LpNorm(match.tensor("x"), match.output, axes[0], p)

    roles = {"x": x, "total": total, FLOAT + "floor": floor, "clip": clip}
    options: dict[str, Any] = {"applies": _limits_nothing, "form": f"p={p}"}
    return Pattern("lp_norm", quantized(result), roles, build, **options)


def _limits_nothing(match: Match) -> bool:
    """Whether only a norm of zero is below the limit: others are at least one step."""
    if not bool(match["total"].attrs.keepdims):
        return False
    smallest = 2.0 ** match.tensor("x").uniform_exponent
    if "clip" in match:
        low, high = match.limits("clip")
        return 0 <= low <= smallest and high >= 2.0**100
    return 0 <= match.number("floor", absent=0.0) <= smallest
