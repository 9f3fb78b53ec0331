"""Convolutions and matrix products with constants: `quantize(relu(product(x, w) + b))`.

Bias and ReLU are optional. ONNX's Gemm arrives as a matrix product too, its matrix transposed by
`permute_dims` when transB is set.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tvm.relax.dpl import is_op

from ...chips import Chip
from ...ops import Operator, Refusal, operator_class
from ...ops.base.form_rule import FormRule
from ...ops.base.rounding import Array
from ...ops.gemm import Gemm
from .dataflow import (
    constant,
    dequantized,
    dequantized_constant,
    maybe_reshaped,
    quantized,
    with_relu,
)
from .match import Build, Match, Pattern
from .weights import bias_type, bias_values, has_bias_vector, limited_bias, misplaced_exponents

# By the number of spatial dimensions, and whether each channel has its own filter.
OPERATORS = {
    (1, False): "conv1d",
    (1, True): "depthwise_conv1d",
    (2, False): "conv2d",
    (2, True): "depthwise_conv2d",
}

GROUPS_ARE_ONE_OR_DEPTHWISE = FormRule(
    "groups_are_one_or_depthwise",
    ("conv1d", "conv2d", "depthwise_conv1d", "depthwise_conv2d"),
    "A convolution has one group, or as many as channels with multiplier 1; others are split.",
    "groups whose result one QuantizeLinear reads, with exponents of output channels",
    "let all who read the result read it dequantized",
)


def patterns() -> list[Pattern]:
    """With and without bias: matrices as they are and transposed, then one and two dimensions."""
    both = (False, True)
    gemms = [_gemm(biased=biased, transposed=turned) for biased in both for turned in both]
    return [*gemms, *(_convolution(n, biased=biased) for n in (1, 2) for biased in both)]


def _gemm(*, biased: bool, transposed: bool) -> Pattern:
    x, w = dequantized(), dequantized_constant()
    matrix = is_op("relax.permute_dims")(w) if transposed else w
    roles = {"x": x, "w": w} | ({"transposed": matrix} if transposed else {})
    product = is_op("relax.matmul")(x, matrix)
    form = ", transposed" if transposed else ""
    return _entry("gemm", product, roles, _build_gemm, biased=biased, form=form)


def _convolution(dimensions: int, *, biased: bool) -> Pattern:
    x, w = dequantized(), dequantized_constant()
    conv = is_op(f"relax.nn.conv{dimensions}d")(x, w)
    roles = {"x": x, "w": w, "conv": conv}
    return _entry(f"conv{dimensions}d", conv, roles, _build_convolution, biased=biased)


def _entry(
    operator: str, result: Any, roles: dict[str, Any], build: Build, *, biased: bool, form: str = ""
) -> Pattern:
    """A product with its bias and ReLU."""
    if biased:
        bias, of_bias = constant("b")
        roles |= of_bias
        result = is_op("relax.add")(result, maybe_reshaped(bias))
    result, roles["relu"] = with_relu(result)
    return Pattern(
        operator,
        quantized(result),
        roles,
        build,
        constants=_constants,
        applies=_applies,
        warn=limited_bias,
        form=f"{'with' if biased else 'without'} bias{form}",
    )


def _applies(match: Match) -> bool:
    """Constant matrices of other ranks are batches of matrices, which `matmul` takes."""
    return ("conv" in match or len(match.tensor("w").shape) == 2) and has_bias_vector(match)


def _constants(match: Match, chip: Chip) -> tuple[Array, ...]:
    w = match.constant("w")
    return np.ascontiguousarray(w.T) if "transposed" in match else w, *bias_values(match, chip)


def _build_gemm(match: Match) -> Operator | Refusal:
    w, transposed = match.tensor("w"), "transposed" in match
    misplaced = misplaced_exponents(match, channel_axis=0 if transposed else 1)
    if misplaced is not None:
        return misplaced
    w = w.permuted((1, 0)) if transposed else w
    return Gemm(match.tensor("x"), w, bias_type(match), match.output, match.activation)


def _build_convolution(match: Match) -> Operator | Refusal:
    attrs, w, (x, y) = match["conv"].attrs, match.tensor("w"), match.images()
    groups, channels = int(attrs.groups), x.shape[-1]
    if groups > 1 and (groups != channels or w.shape[0] != channels):
        found = f"{groups} groups, {channels} channels, {w.shape[0]} filters"
        return GROUPS_ARE_ONE_OR_DEPTHWISE.refused(found)
    misplaced = misplaced_exponents(match, channel_axis=0)
    if misplaced is not None:
        return misplaced
    kind: Any = operator_class(OPERATORS[len(x.shape) - 2, groups > 1])
    made: Operator = kind(
        x=x,
        w=w,
        b=bias_type(match),
        y=y,
        pads=_both_sides(attrs.padding),
        strides=_pair(attrs.strides),
        dilations=_pair(attrs.dilation),
        activation=match.activation,
    )
    return made


def _pair(numbers: Any) -> tuple[int, int]:
    """Rows and columns; one number is that of the columns."""
    last = [int(n) for n in numbers]
    return (last[0] if len(last) == 2 else 1, last[-1])


def _both_sides(numbers: Any) -> tuple[int, int, int, int]:
    """Top, left, bottom, right; two numbers are left and right."""
    pads = [int(n) for n in numbers]
    return (0, pads[0], 0, pads[1]) if len(pads) == 2 else (pads[0], pads[1], pads[2], pads[3])
