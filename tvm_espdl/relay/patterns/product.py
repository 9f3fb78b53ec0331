"""Products of computed matrices, and the zeros between pixels of a transposed convolution."""

from __future__ import annotations

import dataclasses

from tvm.relax.dpl import is_op, wildcard

from ...ops import Operator, Refusal
from ...ops.base.form_rule import FormRule
from ...ops.insert_zeros import InsertZeros
from ...ops.matmul import Matmul
from ..ir import shape_of
from .dataflow import dequantized, quantized, with_relu
from .match import Match, Pattern

ZEROS_ARE_BETWEEN_PIXELS = FormRule(
    "zeros_are_between_pixels",
    ("insert_zeros",),
    "A padded and sliced tensor runs as one operator where it is zeros between pixels.",
    "what a transposed convolution makes of its image",
    "write it as a transposed convolution",
)
TRANSPOSED_CONVOLUTION_IS_A_CONVOLUTION = FormRule(
    "transposed_convolution_is_a_convolution",
    ("insert_zeros",),
    "A transposed convolution has constant weights, one group or as many as channels, and "
    "less padding than its filter spans: so it is zeros between pixels and a convolution.",
    "quantized constant weights; 1 group or depthwise; padding below the filter's extent",
    "resize the image and convolve it",
)


def patterns() -> list[Pattern]:
    """matmul, insert_zeros, and what is left of transposed convolutions."""
    left_over = [_transposed(rank, biased=b) for rank in (1, 2) for b in (False, True)]
    return [_matmul(), _insert_zeros(), *left_over]


def _matmul() -> Pattern:
    a, b = dequantized(), dequantized()
    result, relu = with_relu(is_op("relax.matmul")(a, b))

    def build(match: Match) -> Operator:
        return Matmul(match.tensor("a"), match.tensor("b"), match.output, match.activation)

    roles = {"a": a, "b": b, "relu": relu}
    return Pattern("matmul", quantized(result), roles, build, ("a", "b"), applies=_is_not_gemm)


def _is_not_gemm(match: Match) -> bool:
    """A second factor that is one constant matrix makes a gemm, or its reason against one."""
    return not match.is_constant("b") or len(match.tensor("b").shape) != 2


def _insert_zeros() -> Pattern:
    """As `forms.convolutions` writes it."""
    x = dequantized()
    apart = is_op("relax.nn.pad")(is_op("relax.reshape")(x, wildcard()))
    joined = is_op("relax.reshape")(apart, wildcard())
    cut = is_op("relax.strided_slice")(joined, wildcard(), wildcard(), wildcard())

    return Pattern("insert_zeros", quantized(cut), {"x": x, "apart": apart, "cut": cut}, _zeros)


def _zeros(match: Match) -> Operator | Refusal:
    shapes = match.tensor("x").shape, match.output.shape
    if len(shapes[0]) in (3, 4) and _moves_pixels_apart(match):
        image, result = match.images()
        strides = shape_of(match["apart"])[3::2]
        sizes = result.shape[1:-1], image.shape[1:-1], strides
        tail = tuple(n - (m - 1) * s - 1 for n, m, s in zip(*sizes, strict=True))
        rows, columns = zip((1, *strides)[-2:], (0, *tail)[-2:], strict=True)
        operator = InsertZeros.of(image, (rows[0], columns[0]), (rows[1], columns[1]))
        if dataclasses.replace(operator, y=result).y == operator.y:
            return operator
    return ZEROS_ARE_BETWEEN_PIXELS.refused(f"{shapes[0]} to {shapes[1]}")


def _moves_pixels_apart(match: Match) -> bool:
    """Whether zeros go behind each row and column, and only the end is cut off."""
    pad, (axes, begin) = match["apart"].attrs, match["cut"].args[1:3]
    widths = [int(n) for n in pad.pad_width]
    zeros = str(pad.pad_mode) == "constant" and float(pad.pad_value) == 0
    axes_apart = (len(widths) - 4) // 4
    behind = not any(n for i, n in enumerate(widths) if i < 4 or i % 4 != 3)
    starts = [int(getattr(n, "value", n)) for n in begin]
    along = [int(getattr(n, "value", n)) for n in axes]
    return zeros and behind and along == [2, 3][:axes_apart] and not any(starts)


def _transposed(rank: int, *, biased: bool) -> Pattern:
    """Those that `forms.convolutions` could not rewrite: only to say why."""
    x = dequantized()
    result = is_op(f"relax.nn.conv{rank}d_transpose")(x, wildcard())
    if biased:
        result = is_op("relax.add")(result, wildcard())
    result, relu = with_relu(result)

    form = f"{rank}-D transposed convolution {'with' if biased else 'without'} bias"
    return Pattern("insert_zeros", quantized(result), {"x": x, "relu": relu}, _left_over, form=form)


def _left_over(match: Match) -> Refusal:
    return TRANSPOSED_CONVOLUTION_IS_A_CONVOLUTION.refused(
        f"a result of shape {match.output.shape}"
    )
