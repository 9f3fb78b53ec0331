"""Operators that put elements where constants say: scatter_nd and reverse_sequence.

A reversed sequence arrives as the gathering of single elements along the time axis.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from tvm.relax.dpl import is_const, is_op, wildcard

from ...chips import Chip
from ...ops import Operator, Refusal, Tensor
from ...ops.base.form_rule import FormRule
from ...ops.base.rounding import Array
from ...ops.reverse_sequence import ReverseSequence
from ...ops.scatter_nd import ScatterNd
from ..ir import array_of, is_constant
from .dataflow import dequantized, quantized
from .match import Match, Pattern, of_call

# TVM's names of reductions, where they are not ONNX's.
REDUCTIONS = {"update": "none"}

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


def patterns() -> list[Pattern]:
    """scatter_nd and reverse_sequence."""
    x, updates = dequantized(), dequantized()
    call = is_op("relax.scatter_nd")(x, wildcard(), updates)
    roles, inputs = {"x": x, "updates": updates, "call": call}, ("x", "updates")
    return [
        Pattern("scatter_nd", quantized(call), roles, _scatter_nd, inputs, _indices),
        of_call(
            "reverse_sequence",
            "gather_elements",
            _reverse_sequence,
            is_const(),
            constants=lambda match, chip: (_reversal(match)[2],),
            applies=_is_reversal,
        ),
    ]


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
