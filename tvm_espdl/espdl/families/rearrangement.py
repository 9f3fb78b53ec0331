"""Nodes that choose elements or put them in places: Concat, Split, Slice, Gather, ScatterND, ...

Indices are constants of 64 bits. The chip checks none of them: one that would leave its tensor is
refused here. Source: ESP-DL `dl/module/include/dl_module_<name>.hpp`.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ...ops import Tensor
from ...ops.base.rounding import Array
from ...ops.concat import MAX_INPUTS, Concat
from ...ops.gather import Gather
from ...ops.reverse_sequence import ReverseSequence
from ...ops.scatter_nd import ScatterNd
from ...ops.slice import Slice
from ..node_view import NodeView, Readers
from ..step_view import StepView, Writers
from ..types import Operand


def read_concat(node: NodeView) -> None:
    """Parts along an axis; some may be constant."""
    places = range(len(node.node.inputs))
    parts = tuple(node.tensor(place) for place in places)
    axis = node.axis(0, len(parts[0].shape))
    if len({(*part.shape[:axis], *part.shape[axis + 1 :]) for part in parts}) > 1 or any(
        len(part.shape) != len(parts[0].shape) for part in parts
    ):
        node.refuse("parts that do not fit together", [part.shape for part in parts])
    operands = [node.operand(place) for place in places]
    whole = Concat(parts, node.typed(_joined(parts, axis).shape), axis)
    count = 0
    while len(parts) > MAX_INPUTS:
        # Our kernels take a limited number at once, ESP-DL any.
        groups = [slice(n, n + MAX_INPUTS) for n in range(0, len(parts), MAX_INPUTS)]
        joined = tuple(_joined(parts[group], axis) for group in groups)
        names: list[Operand] = []
        for y, group in zip(joined, groups, strict=True):
            name = f"{node.output()}_part{count}"
            names.append(name)
            count += 1
            node.call(Concat(parts[group], y, axis), operands[group], output=name)
        parts, operands = joined, names
    node.call(Concat(parts, whole.y, axis), operands)


def _joined(parts: tuple[Tensor, ...], axis: int) -> Tensor:
    shape, extent = parts[0].shape, sum(part.shape[axis] for part in parts)
    return dataclasses.replace(parts[0], shape=(*shape[:axis], extent, *shape[axis + 1 :]))


def write_concat(step: StepView) -> None:
    """The runtime wants two parts or more; a single one is an Identity."""
    operator: Concat = step.operator
    parts = [step.operand(place) for place in range(len(operator.xs))]
    if len(parts) == 1:
        step.node("Identity", parts)
        return
    step.node("Concat", parts, {"axis": operator.axis})


def slice_along(x: Tensor, y: Tensor, axis: int, start: int) -> Slice:
    """The elements from `start` on, as many as y has along one axis."""
    starts = tuple(start if a == axis else 0 for a in range(len(x.shape)))
    return Slice(x, y, starts, (1,) * len(starts))


def read_split(node: NodeView) -> None:
    """A slice for each result; without sizes, equal parts, the last one smaller."""
    x = node.tensor()
    axis, count = node.axis(0, len(x.shape)), len(node.node.outputs)
    part = -(-x.shape[axis] // max(count, 1))
    sizes = [min(part, x.shape[axis] - n * part) for n in range(count)]
    if node.has(1):
        sizes = list(node.integers(1))
    if len(sizes) != count or min(sizes, default=0) < 1 or sum(sizes) != x.shape[axis]:
        node.refuse("sizes that are not the whole", sizes, f"{count} of {x.shape[axis]}")
    for place, size in enumerate(sizes):
        if node.output(place):
            y = node.typed((*x.shape[:axis], size, *x.shape[axis + 1 :]), place)
            node.call(slice_along(x, y, axis, sum(sizes[:place])), place=place)


def read_slice(node: NodeView) -> None:
    """A range along some axes."""
    x = node.tensor()
    rank = len(x.shape)
    begins, ends = node.integers(1), node.integers(2)
    axes = node.integers(3) if node.has(3) else tuple(range(len(begins)))
    steps = node.integers(4) if node.has(4) else (1,) * len(begins)
    if len({len(begins), len(ends), len(axes), len(steps)}) != 1 or 0 in steps:
        node.refuse("begins, ends, axes and steps", (begins, ends, axes, steps), "as many of each")
    starts, strides, shape = [0] * rank, [1] * rank, list(x.shape)
    for begin, end, given, step in zip(begins, ends, axes, steps, strict=True):
        axis = node.from_front(given, rank)
        places = range(x.shape[axis])[slice(begin, end, step)]
        starts[axis] = places.start
        strides[axis], shape[axis] = step, len(places)
    node.call(Slice(x, node.typed(shape), tuple(starts), tuple(strides)))


def write_slice(step: StepView) -> None:
    """Begins, ends, axes and steps of the axes that are not whole; of the first where all are."""
    operator: Slice = step.operator
    starts, steps = operator.starts, operator.steps
    places = list(zip(operator.x.shape, operator.y.shape, starts, steps, strict=True))
    whole = [(extent, extent, 0, 1) for extent in operator.x.shape]
    axes = [axis for axis, place in enumerate(places) if place != whole[axis]] or [0]
    lists = {
        "starts": [starts[axis] for axis in axes],
        "ends": [_end(*places[axis]) for axis in axes],
        "axes": axes,
        "steps": [steps[axis] for axis in axes],
    }
    step.node("Slice", [step.operand(0), *(step.indices(k, v) for k, v in lists.items())])


def _end(extent: int, count: int, start: int, stride: int) -> int:
    """One behind the last element; before the first one it is counted from the end."""
    last = start + (count - 1) * stride
    if stride > 0:
        return last + 1
    return last - 1 if last else -extent - 1


def read_gather(node: NodeView) -> None:
    """Constant indices, those below zero counted from the end."""
    x = node.tensor()
    axis = node.axis(0, len(x.shape))
    node.integers(1)
    indices, extent = node.array(1).astype(np.int64), x.shape[axis]
    if indices.size and not -extent <= indices.min() <= indices.max() < extent:
        node.refuse("indices outside of the axis", allowed=f"-{extent} to {extent - 1}")
    indices = np.array(np.where(indices < 0, indices + extent, indices), np.int64, order="C")
    y = node.typed((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))
    node.call(Gather(x, y, Tensor("int64", indices.shape), axis), constants=[indices])


def write_gather(step: StepView) -> None:
    """Constant indices along an axis."""
    indices = step.indices("indices", step.constants[0])
    step.node("Gather", [step.operand(0), indices], {"axis": step.operator.axis})


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
    node.call(operator, constants=[lengths])


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


READERS: Readers = {
    "Concat": read_concat,
    "Gather": read_gather,
    "ReverseSequence": read_reverse_sequence,
    "ScatterND": read_scatter_nd,
    "Slice": read_slice,
    "Split": read_split,
}
WRITERS: Writers = {
    Concat.name: write_concat,
    Gather.name: write_gather,
    ReverseSequence.name: write_reverse_sequence,
    ScatterNd.name: write_scatter_nd,
    Slice.name: write_slice,
}
