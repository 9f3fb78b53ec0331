"""Operators that put elements where constants say: scatter_nd and reverse_sequence.

A reversed sequence arrives as the gathering of single elements along the time axis.
"""

from __future__ import annotations

import numpy as np
from tvm.relax.dpl import is_const, is_op, wildcard

from ...ops import Operator, Refusal, Tensor
from ...ops.base.form_rule import FormRule
from ...ops.base.rounding import Array
from ...ops.reverse_sequence import ReverseSequence
from ...ops.scatter_nd import ScatterNd
from ..ir import array_of, is_constant
from .dataflow import dequantized, quantized
from .match import Match, Pattern

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
    return [_scatter_nd(), _reverse_sequence()]


def _scatter_nd() -> Pattern:
    data, updates = dequantized(), dequantized()
    scatter = is_op("relax.scatter_nd")(data, wildcard(), updates)

    def indices(match: Match) -> Array:
        """Counted from the front."""
        array = array_of(match["scatter"].args[1]).astype(np.int64)
        extents = np.array(match.tensor("data").shape[: array.shape[-1]], np.int64)
        return np.where(array < 0, array + extents, array)

    def build(match: Match) -> Operator | Refusal:
        if not is_constant(match["scatter"].args[1]):
            return INDICES_ARE_CONSTANT.refused("indices that are known only at run time")
        tensor, array = match.tensor("data"), indices(match)
        extents = np.array(tensor.shape[: array.shape[-1]])
        if ((array < 0) | (array >= extents)).any():
            found = f"indices from {array.min()} to {array.max()} of {tensor.shape}"
            return SCATTERED_INDICES_ARE_INSIDE.refused(found)
        reduction = str(match["scatter"].attrs.reduction)
        return ScatterNd(
            tensor,
            Tensor("int64", array.shape),
            match.tensor("updates"),
            match.output,
            REDUCTIONS.get(reduction, reduction),
        )

    def constants(match: Match) -> tuple[Array, ...]:
        return (indices(match),)

    roles = {"data": data, "updates": updates, "scatter": scatter}
    inputs = ("data", "updates")
    return Pattern("scatter_nd", quantized(scatter), roles, inputs, build, constants)


def _reverse_sequence() -> Pattern:
    x = dequantized()
    gathered = is_op("relax.gather_elements")(x, is_const())

    def reversal(match: Match) -> tuple[int, int, Array] | None:
        time = int(match["gathered"].attrs.axis) % len(match.tensor("x").shape)
        return _reversal(array_of(match["gathered"].args[1]), time)

    def build(match: Match) -> Operator | Refusal:
        found = reversal(match)
        assert found is not None
        batch, time, lengths = found
        kind = Tensor("int64", lengths.shape)
        return ReverseSequence(match.tensor("x"), match.output, kind, batch, time)

    def constants(match: Match) -> tuple[Array, ...]:
        found = reversal(match)
        assert found is not None
        return (found[2],)

    def applies(match: Match) -> bool:
        array = array_of(match["gathered"].args[1])
        return array.shape == match.tensor("x").shape and reversal(match) is not None

    roles = {"x": x, "gathered": gathered}
    return Pattern(
        "reverse_sequence", quantized(gathered), roles, ("x",), build, constants, applies=applies
    )


def _reversal(indices: Array, time: int) -> tuple[int, int, Array] | None:
    """Batch axis, time axis and lengths by which such indices reverse sequences, or None.

    Of several batch axes that fit, the one beside the time axis that ESP-DL takes is preferred.
    """
    if indices.ndim < 2:
        return None
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
            return batch, time, lengths.astype(np.int64)
    return None
