"""Nodes that put elements in places: Pad, InsertZeros, ScatterND, ReverseSequence.

Indices and lengths are constants of 64 bits. The chip checks none of them: one that would leave its
tensor is refused here. Source: ESP-DL `dl/module/include/dl_module_<name>.hpp`.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from ...ops import Tensor
from ...ops.base.rounding import Array
from ...ops.base.window import Pair
from ...ops.insert_zeros import InsertZeros
from ...ops.pad import MAX_RANK, Pad
from ...ops.reverse_sequence import ReverseSequence
from ...ops.scatter_nd import ScatterNd
from ..node_view import NodeView, Readers
from ..step_view import StepView, Writers


def read_pad(node: NodeView) -> None:
    """More elements before and behind; the constant is in the tensor's own integers."""
    x = node.tensor()
    rank, widths = len(x.shape), node.integers(1)
    if len(widths) != 2 * rank or not all(0 <= w <= 1 << 24 for w in widths):
        node.leave("widths of a padding", widths, f"{2 * rank} of 0 or more")
    before, after = widths[:rank], widths[rank:]
    y = node.typed([n + b + a for n, b, a in zip(x.shape, before, after, strict=True)])
    value = 0
    if node.has(2):
        constant = node.array(2)
        if constant.size != 1 or str(constant.dtype) != x.dtype:
            node.leave("the constant of a padding", f"{constant.dtype}", f"one {x.dtype}")
        value = int(constant.ravel()[0])
    whole = Pad(x, y, before, after, node.string("mode", "constant"), value)
    merged = _merged(whole) if rank > MAX_RANK else whole
    flat = node.reshaped(node.operand(0), x, merged.x.shape, "flat")
    node.call_as(y, "padded", merged, [flat])


def _merged(whole: Pad) -> Pad:
    """The same padding with neighbouring axes joined where neither is padded."""
    groups: list[list[int]] = []
    for axis, padded in enumerate(map(any, zip(whole.before, whole.after, strict=True))):
        if groups and not padded and not any(whole.before[a] + whole.after[a] for a in groups[-1]):
            groups[-1].append(axis)
        else:
            groups.append([axis])
    x, y = (
        dataclasses.replace(t, shape=tuple(math.prod(t.shape[a] for a in g) for g in groups))
        for t in (whole.x, whole.y)
    )
    before, after = (tuple(w[g[0]] for g in groups) for w in (whole.before, whole.after))
    return dataclasses.replace(whole, x=x, y=y, before=before, after=after)


def write_pad(step: StepView) -> None:
    """Elements before all axes, then behind; the constant is in the tensor's own integers."""
    operator: Pad = step.operator
    inputs = [step.operand(0), step.indices("pads", (*operator.before, *operator.after))]
    if operator.mode == "constant":
        value = np.array([operator.value], operator.x.dtype)
        inputs.append(step.constant("value", value, None, operator.x.exponent))
    step.node("Pad", inputs, {"mode": operator.mode})


def read_insert_zeros(node: NodeView) -> None:
    """Zeros between pixels, for a transposed convolution; one stride or one for each axis."""
    x = node.tensor()
    axes = len(x.shape) - 2
    if axes not in (1, 2):
        node.refuse("an image or a signal", x.shape, "3 or 4 dimensions")
    strides = _of_axes(node, "stride", axes, 1, least=1)
    operator = InsertZeros.of(x, strides, _of_axes(node, "output_padding", axes, 0))
    y = node.typed(operator.y.shape)
    node.call(dataclasses.replace(operator, y=y))


def _of_axes(node: NodeView, name: str, axes: int, default: int, least: int = 0) -> Pair:
    """A list of sizes, one for each axis or one for all, as rows and columns."""
    count = 1 if len(node.given(name)) == 1 else axes
    sizes = node.list(name, count, default, least)
    sizes = sizes if len(sizes) == axes else sizes * axes
    return (default, *sizes)[-2], sizes[-1]


def write_insert_zeros(step: StepView) -> None:
    """Zeros between pixels, and behind the last ones."""
    operator: InsertZeros = step.operator
    axes = len(operator.x.shape) - 2
    settings = {"stride": operator.strides[-axes:], "output_padding": operator.tail[-axes:]}
    step.node("InsertZeros", settings=settings)


def read_scatter_nd(node: NodeView) -> None:
    """Data, constant indices, updates."""
    data, updates, indices = node.tensor(0), node.tensor(2), _indices(node)
    depth = indices.shape[-1] if indices.ndim else 0
    if not 0 < depth <= len(data.shape):
        node.refuse("indices of a scatter", indices.shape, f"1 to {len(data.shape)} columns")
    extents = np.array(data.shape[:depth])
    if (indices < -extents).any() or (indices >= extents).any():
        node.refuse("indices outside of the data", allowed=f"0 and more, below {data.shape}")
    if (indices < 0).any():
        node.warn(
            "ESP-DL writes at an index below 0 in front of its row, into foreign memory. "
            f"Found: {indices.min()}. Here it counts from the end, as ONNX means it."
        )
        indices = np.where(indices < 0, indices + extents, indices)
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
    "InsertZeros": read_insert_zeros,
    "Pad": read_pad,
    "ReverseSequence": read_reverse_sequence,
    "ScatterND": read_scatter_nd,
}
WRITERS: Writers = {
    InsertZeros.name: write_insert_zeros,
    Pad.name: write_pad,
    ReverseSequence.name: write_reverse_sequence,
    ScatterNd.name: write_scatter_nd,
}
