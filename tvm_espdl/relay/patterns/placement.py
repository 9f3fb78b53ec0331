"""Operators that put elements where constants say, or constants around and between them.

A reversed sequence arrives as the gathering of single elements along the time axis; zeros between
pixels are what `forms.convolutions` makes of a transposed convolution.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from tvm.relax.dpl import is_const, is_op, wildcard

from ...chips import Chip
from ...ops import Operator, Refusal, Tensor
from ...ops.base.form_rule import FormRule
from ...ops.base.rounding import Array
from ...ops.insert_zeros import InsertZeros
from ...ops.pad import Pad
from ...ops.reverse_sequence import ReverseSequence
from ...ops.scatter_nd import ScatterNd
from ..ir import array_of, is_constant, shape_of
from .dataflow import dequantized, quantized, with_relu
from .match import Match, Pattern, of_call

# TVM's names of reductions, where they are not ONNX's.
REDUCTIONS = {"update": "none"}
PAD_MODES = {"replicate": "edge"}

SCATTERED_INDICES_ARE_INSIDE = FormRule(
    "scattered_indices_are_inside",
    ("scatter_nd",),
    "The indices of a scatter lie inside the data.",
    "0 and more, below the extent of the axis",
    "correct the indices",
)
INDICES_ARE_CONSTANT = FormRule(
    "indices_are_constant",
    ("scatter_nd",),
    "The indices of a scatter are constants.",
    "constant indices",
    "compute the indices beforehand",
)


PADDING_IS_NO_TIE = FormRule(
    "padding_is_no_tie",
    ("pad",),
    "The value of a padding does not lie in the middle between two integers.",
    "a value that has a nearest integer",
    "pad with a value that the tensor can hold",
)
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
    """pad, scatter_nd, reverse_sequence, insert_zeros; what transposed convolutions are left."""
    x, updates = dequantized(), dequantized()
    call = is_op("relax.scatter_nd")(x, wildcard(), updates)
    roles, inputs = {"x": x, "updates": updates, "call": call}, ("x", "updates")
    left_over = [_transposed(rank, biased=b) for rank in (1, 2) for b in (False, True)]
    return [
        of_call("pad", "nn.pad", _pad),
        Pattern("scatter_nd", quantized(call), roles, _scatter_nd, inputs, _indices),
        of_call(
            "reverse_sequence",
            "gather_elements",
            _reverse_sequence,
            is_const(),
            constants=lambda match, chip: (_reversal(match)[2],),
            applies=_is_reversal,
        ),
        _insert_zeros(),
        *left_over,
    ]


def _pad(match: Match) -> Operator | Refusal:
    attrs, y = match["call"].attrs, match.output
    widths = [int(width) for width in attrs.pad_width]
    mode = PAD_MODES.get(str(attrs.pad_mode), str(attrs.pad_mode))
    value = _constant(float(attrs.pad_value), y) if mode == "constant" else 0
    if value is None:
        return PADDING_IS_NO_TIE.refused(f"{float(attrs.pad_value):g} at exponent {y.exponent}")
    return Pad(match.tensor("x"), y, tuple(widths[::2]), tuple(widths[1::2]), mode, value)


def _constant(value: float, y: Tensor) -> int | None:
    """The nearest integer of y, saturated; None in the middle, where chips round differently."""
    limits = np.iinfo(y.dtype)
    scaled = value * 2.0**-y.uniform_exponent
    if not limits.min <= scaled <= limits.max:
        return int(limits.max if scaled > 0 else limits.min)
    exact = Fraction(scaled)
    return None if exact % 1 == Fraction(1, 2) else round(exact)


def _scatter_nd(match: Match) -> Operator | Refusal:
    if not is_constant(match["call"].args[1]):
        return INDICES_ARE_CONSTANT.refused("indices that are known only at run time")
    x, (array,) = match.tensor("x"), _indices(match)
    if ((array < 0) | (array >= np.array(x.shape[: array.shape[-1]]))).any():
        found = f"indices from {array.min()} to {array.max()} of {x.shape}"
        return SCATTERED_INDICES_ARE_INSIDE.refused(found)
    reduction = str(match["call"].attrs.reduction)
    reduction = REDUCTIONS.get(reduction, reduction)
    indices, updates = Tensor("int64", array.shape), match.tensor("updates")
    return ScatterNd(x, indices, updates, match.output, reduction)


def _indices(match: Match, chip: Chip | None = None) -> tuple[Array, ...]:
    """Counted from the front."""
    array = array_of(match["call"].args[1]).astype(np.int64)
    extents = np.array(match.tensor("x").shape[: array.shape[-1]], np.int64)
    return (np.where(array < 0, array + extents, array),)


def _reverse_sequence(match: Match) -> Operator | Refusal:
    batch, time, lengths = _reversal(match)
    x, kind = match.tensor("x"), Tensor("int64", lengths.shape)
    return ReverseSequence(x, match.output, kind, batch, time)


def _is_reversal(match: Match) -> bool:
    same_shape = array_of(match["call"].args[1]).shape == match.tensor("x").shape
    return same_shape and next(_reversals(match), None) is not None


def _reversal(match: Match) -> tuple[int, int, Array]:
    """Of several batch axes that fit, the one beside the time axis that ESP-DL takes."""
    return next(_reversals(match))


def _reversals(match: Match) -> Iterator[tuple[int, int, Array]]:
    """Batch axis, time axis and lengths by which the indices reverse sequences, the best first."""
    indices, time = array_of(match["call"].args[1]), match.axis()
    order = sorted(set(range(indices.ndim)) - {time}, key=lambda axis: axis > 1)
    for batch in order:
        turned = np.moveaxis(indices, (batch, time), (0, 1))
        rows = turned.reshape(*turned.shape[:2], -1)
        if not rows.size or (rows != rows[..., :1]).any():
            continue
        lengths = rows[:, 0, 0] + 1
        steps = np.arange(rows.shape[1])
        wanted = np.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)
        if (rows[..., 0] == wanted).all():
            yield batch, time, lengths.astype(np.int64)


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
