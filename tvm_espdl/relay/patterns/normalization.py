"""Normalizations: layer_norm with quantized parameters; log_softmax, whose result is float32."""

from __future__ import annotations

import numpy as np
from tvm.relax.dpl import is_const, is_op

from ...ops import Operator, Refusal, Tensor
from ...ops.base.form_rule import FormRule
from ...ops.base.rounding import Array
from ...ops.layer_norm import LayerNorm
from ...ops.log_softmax import LogSoftmax
from ..ir import array_of
from .dataflow import dequantized, dequantized_constant, quantized
from .match import Match, Pattern

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


def patterns() -> list[Pattern]:
    """log_softmax and layer_norm."""
    return [_log_softmax(), _layer_norm()]


def _log_softmax() -> Pattern:
    x = dequantized()
    log_softmax = is_op("relax.nn.log_softmax")(x)

    def build(match: Match) -> Operator:
        tensor = match.tensor("x")
        axis = int(match["log_softmax"].attrs.axis) % len(tensor.shape)
        return LogSoftmax(tensor, Tensor("float32", tensor.shape), axis)

    roles = {"x": x, "log_softmax": log_softmax}
    return Pattern("log_softmax", log_softmax, roles, ("x",), build)


def _layer_norm() -> Pattern:
    x, scale, bias = dequantized(), dequantized_constant(), dequantized_constant()
    plain_scale, plain_bias = is_const(), is_const()
    norm = is_op("relax.nn.layer_norm")(x, scale | plain_scale, bias | plain_bias)
    roles = {
        **{"x": x, "scale": scale, "bias": bias, "norm": norm},
        **{"plain_scale": plain_scale, "plain_bias": plain_bias},
    }
    return Pattern("layer_norm", quantized(norm), roles, ("x",), _build, _constants)


def _build(match: Match) -> Operator | Refusal:
    x, attrs = match.tensor("x"), match["norm"].attrs
    rank = len(x.shape)
    axes = sorted(int(axis) % rank for axis in attrs.axes)
    if axes != list(range(axes[0], rank)):
        return AXES_ARE_TRAILING.refused(f"axes {axes} of {rank} dimensions")
    parameters = {}
    for role, neutral in (("scale", 1.0), ("bias", 0.0)):
        parameters[role] = match.tensor(role) if role in match else None
        if role not in match and not _is_everywhere(match, f"plain_{role}", neutral):
            return PARAMETERS_ARE_QUANTIZED.refused(f"a float {role}")
        tensor = parameters[role]
        if tensor is not None and isinstance(tensor.exponent, tuple):
            found = f"{len(tensor.exponent)} exponents of the {role}"
            return PARAMETERS_HAVE_ONE_EXPONENT.refused(found)
    scale, bias = parameters["scale"], parameters["bias"]
    return LayerNorm(x, scale, bias, match.output, axes[0], float(attrs.epsilon))


def _is_everywhere(match: Match, role: str, value: float) -> bool:
    return role in match and bool(np.all(array_of(match[role]) == value))


def _constants(match: Match) -> tuple[Array, ...]:
    return tuple(match.constant(role) for role in ("scale", "bias") if role in match)
