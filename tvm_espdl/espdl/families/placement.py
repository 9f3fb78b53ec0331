"""ScatterND and ReverseSequence: they put elements where constants of 64 bits say.

The chip checks no index: one that would leave its tensor is refused here.
"""

from __future__ import annotations

import numpy as np

from ...ops import Tensor
from ...ops.base.rounding import Array
from ...ops.reverse_sequence import ReverseSequence
from ...ops.scatter_nd import ScatterNd
from ..node_view import NodeView, Readers
from ..step_view import StepView, Writers


def read_scatter_nd(node: NodeView) -> None:
    """Data, constant indices, updates."""
    data, updates, indices = node.tensor(0), node.tensor(2), _indices(node)
    depth = indices.shape[-1] if indices.ndim else 0
    if not 0 < depth <= len(data.shape):
        node.refuse("indices of a scatter", indices.shape, f"1 to {len(data.shape)} columns")
    if (indices < 0).any() or (indices >= np.array(data.shape[:depth])).any():
        node.refuse("indices outside of the data", allowed=f"0 and more, below {data.shape}")
    wanted = (*indices.shape[:-1], *data.shape[depth:])
    if updates.shape != wanted:
        node.refuse("updates of a scatter", updates.shape, wanted)
    y = node.typed(data.shape)
    kind = Tensor("int64", indices.shape)
    operator = ScatterNd(data, kind, updates, y, node.string("reduction", "none"))
    node.call(operator, [node.operand(0), node.operand(2)], [indices])


def write_scatter_nd(step: StepView) -> None:
    """Its indices stand between data and updates."""
    indices = step.indices("indices", step.constants[0])
    inputs = [step.operand(0), indices, step.operand(1)]
    step.node("ScatterND", inputs, {"reduction": step.operator.reduction})


def read_reverse_sequence(node: NodeView) -> None:
    """Sequences and steps are the first two axes."""
    x, lengths = node.tensor(), _indices(node).ravel()
    batch, time = node.integer("batch_axis", 1), node.integer("time_axis", 0)
    if len(x.shape) < 2 or sorted((batch, time)) != [0, 1]:
        node.refuse("axes of sequences and steps", (batch, time), "0 and 1, in any order")
    if lengths.size != x.shape[batch] or lengths.max(initial=0) > x.shape[time]:
        node.refuse("lengths of sequences", lengths.tolist()[:8], f"{x.shape[batch]} lengths")
    y = node.typed(x.shape)
    operator = ReverseSequence(x, y, Tensor("int64", lengths.shape), batch, time)
    node.call(operator, [node.operand(0)], [lengths])


def write_reverse_sequence(step: StepView) -> None:
    """Data and lengths."""
    operator: ReverseSequence = step.operator
    lengths = step.indices("lengths", step.constants[0])
    settings = {"batch_axis": operator.batch_axis, "time_axis": operator.time_axis}
    step.node("ReverseSequence", [step.operand(0), lengths], settings)


def _indices(node: NodeView) -> Array:
    array = node.array(1)
    if str(array.dtype) != "int64":
        node.refuse("a constant of another type than the node reads", array.dtype, "int64")
    return array


READERS: Readers = {"ReverseSequence": read_reverse_sequence, "ScatterND": read_scatter_nd}
WRITERS: Writers = {
    ReverseSequence.name: write_reverse_sequence,
    ScatterNd.name: write_scatter_nd,
}
