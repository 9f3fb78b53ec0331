"""Nodes that set constants between and around elements: Pad, InsertZeros.

Source: ESP-DL `dl/module/include/dl_module_{pad,insert_zeros}.hpp`.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from ...ops.base.window import Pair
from ...ops.insert_zeros import InsertZeros
from ...ops.pad import MAX_RANK, Pad
from ..node_view import NodeView, Readers
from ..step_view import StepView, Writers


def read_pad(node: NodeView) -> None:
    """More elements before and behind; the constant is in the tensor's own integers."""
    x = node.tensor()
    rank, widths = len(x.shape), node.integers(1)
    if len(widths) != 2 * rank or not all(0 <= w <= 1 << 24 for w in widths):
        node.refuse("widths of a padding", widths, f"{2 * rank} of 0 or more")
    before, after = widths[:rank], widths[rank:]
    y = node.typed([n + b + a for n, b, a in zip(x.shape, before, after, strict=True)])
    value = 0
    if node.has(2):
        constant = node.array(2)
        if constant.size != 1 or str(constant.dtype) != x.dtype:
            node.refuse("the constant of a padding", f"{constant.dtype}", f"one {x.dtype}")
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


READERS: Readers = {"InsertZeros": read_insert_zeros, "Pad": read_pad}
WRITERS: Writers = {InsertZeros.name: write_insert_zeros, Pad.name: write_pad}
