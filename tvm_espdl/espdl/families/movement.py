"""Nodes that move or choose elements: Reshape, Transpose, Concat, Split, Slice, Gather, blocks.

Indices are constants of 64 bits. The chip checks none of them: one that would leave its tensor is
refused here. Flatten, Squeeze, Identity and others are reshapes.
Source: ESP-DL `dl/module/include/dl_module_<name>.hpp`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping

import numpy as np

from ...ops import Tensor
from ...ops.concat import MAX_INPUTS, Concat
from ...ops.depth_to_space import DepthToSpace
from ...ops.gather import Gather
from ...ops.reshape import Reshape
from ...ops.slice import Slice
from ...ops.space_to_depth import SpaceToDepth
from ...ops.transpose import Transpose
from ..node_view import NodeView, Readers
from ..step_view import StepView, Writers, plain
from ..types import Operand, Shape


def read_reshape(node: NodeView) -> None:
    """The same elements under another shape."""
    x = node.tensor()
    shape = SHAPES[node.node.op_type](node, x.shape)
    if math.prod(shape) != x.size:
        node.refuse("another number of elements", shape, f"the elements of {x.shape}")
    node.call(Reshape(x, node.typed(shape)))


def _given(node: NodeView, shape: Shape) -> Shape:
    """The constant shape: 0 stands for the input's own extent, -1 for what is left."""
    wanted = list(node.integers(1))
    if not node.integer("allowzero", 0):
        wanted = [shape[at] if extent == 0 else extent for at, extent in enumerate(wanted)]
    if wanted.count(-1) == 1:
        others = math.prod(extent for extent in wanted if extent != -1)
        wanted[wanted.index(-1)] = math.prod(shape) // others
    return tuple(wanted)


def _flattened(node: NodeView, shape: Shape) -> Shape:
    axis = node.integer("axis", 1)
    axis = axis if axis == len(shape) else node.from_front(axis, len(shape))
    return math.prod(shape[:axis]), math.prod(shape[axis:])


def _squeezed(node: NodeView, shape: Shape) -> Shape:
    """Without axes, all of extent 1 go."""
    ones = [axis for axis, extent in enumerate(shape) if extent == 1]
    given = node.integers(1) if node.has(1) else ones
    axes = {node.from_front(axis, len(shape)) for axis in given}
    return tuple(extent for axis, extent in enumerate(shape) if axis not in axes)


def _unsqueezed(node: NodeView, shape: Shape) -> Shape:
    rank = len(shape) + len(node.integers(1))
    axes = {node.from_front(axis, rank) for axis in node.integers(1)}
    extents = iter(shape)
    return tuple(1 if axis in axes else next(extents) for axis in range(rank))


SHAPES: Mapping[str, Callable[[NodeView, Shape], Shape]] = {
    "Flatten": _flattened,
    "Identity": lambda _, shape: shape,
    "Reshape": _given,
    "Squeeze": _squeezed,
    "Unsqueeze": _unsqueezed,
}


def write_reshape(step: StepView) -> None:
    """The new shape is a constant; an equal one is an Identity."""
    operator: Reshape = step.operator
    if operator.x.shape == operator.y.shape:
        step.node("Identity")
        return
    shape = step.indices("shape", operator.y.shape)
    step.node("Reshape", [step.operand(0), shape], {"allowzero": 0})


def read_transpose(node: NodeView) -> None:
    """Old exporters count axes from the end."""
    x = node.tensor()
    rank = len(x.shape)
    given = node.given("perm")
    axes = tuple(node.from_front(a, rank) for a in given) if given else tuple(range(rank))[::-1]
    if sorted(axes) != list(range(rank)):
        node.refuse("no permutation of the axes", given, f"{rank} axes")
    y = node.typed([x.shape[axis] for axis in axes])
    node.call(Transpose(x, y, axes))


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


def read_split(node: NodeView) -> None:
    """A slice for each result."""
    x = node.tensor()
    axis = node.axis(0, len(x.shape))
    count, extent = len(node.node.outputs), x.shape[axis]
    sizes = list(node.integers(1)) if node.has(1) else _sizes_of_parts(node, count, extent)
    if len(sizes) != count or min(sizes, default=0) < 1 or sum(sizes) != extent:
        node.refuse("sizes that are not the whole", sizes, f"{count} of {extent}")
    for place, size in enumerate(sizes):
        if node.output(place):
            y = node.typed((*x.shape[:axis], size, *x.shape[axis + 1 :]), place)
            node.call(Slice.along(x, y, axis, sum(sizes[:place])), place=place)


def _sizes_of_parts(node: NodeView, count: int, extent: int) -> list[int]:
    """The sizes that a split without any has: the chip takes `num_outputs` for that of a part.

    Where that gives another number of parts than the node has results, the chip would write out
    of bounds, and the parts are those that ONNX means: equal ones, the last one smaller.
    """
    parts = node.integer("num_outputs", 0)
    sizes = _parts(extent, parts) if parts > 0 else []
    if len(sizes) == count:
        return sizes
    node.warn(
        "ESP-DL takes num_outputs for the size of a part. "
        f"Found: num_outputs {parts} for {count} results of an axis of {extent}. "
        "The parts here are equal ones, as ONNX means it. Try: give the sizes."
    )
    return _parts(extent, -(-extent // max(count, 1)))


def _parts(extent: int, size: int) -> list[int]:
    return [min(size, extent - start) for start in range(0, extent, size)]


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
    """Constant indices, those below zero counted from the end, as ONNX means it.

    The chip does not add the extent: it reads in front of the row.
    """
    x = node.tensor()
    axis = node.axis(0, len(x.shape))
    node.integers(1)
    indices, extent = node.array(1).astype(np.int64), x.shape[axis]
    if indices.size and not -extent <= indices.min() <= indices.max() < extent:
        node.refuse("indices outside of the axis", allowed=f"-{extent} to {extent - 1}")
    if indices.size and indices.min() < 0:
        node.warn(
            "ESP-DL reads an index below 0 in front of its row, from foreign memory. "
            f"Found: {indices.min()}. Here it counts from the end, as ONNX means it. "
            f"Try: add the extent, {extent}."
        )
    indices = np.array(np.where(indices < 0, indices + extent, indices), np.int64, order="C")
    y = node.typed((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))
    node.call(Gather(x, y, Tensor("int64", indices.shape), axis), constants=[indices])


def write_gather(step: StepView) -> None:
    """Constant indices along an axis."""
    indices = step.indices("indices", step.constants[0])
    step.node("Gather", [step.operand(0), indices], {"axis": step.operator.axis})


def read_blocks(node: NodeView) -> None:
    """Channels become pixels, or pixels channels, these in the order of the chip, not of ONNX."""
    x, block = node.tensor(), node.integer("blocksize", 1)
    if len(x.shape) != 4:
        node.refuse("an image", x.shape, "4 dimensions")
    batch, rows, columns, channels = x.shape
    if node.node.op_type == "DepthToSpace":
        if block < 1 or channels % block**2:
            node.refuse("a block", block, f"a square root of a divisor of {channels}")
        y = node.typed((batch, rows * block, columns * block, channels // block**2))
        node.call(DepthToSpace(x, y, block, node.string("mode", "") or "DCR"))
        return
    if block < 1 or rows % block or columns % block:
        node.refuse("a block", block, f"a divisor of {rows} and {columns}")
    y = node.typed((batch, rows // block, columns // block, channels * block**2))
    node.call(SpaceToDepth(x, y, block, "CRD"))


READERS: Readers = {
    "Concat": read_concat,
    "DepthToSpace": read_blocks,
    "Gather": read_gather,
    "Slice": read_slice,
    "SpaceToDepth": read_blocks,
    "Split": read_split,
    "Transpose": read_transpose,
    **dict.fromkeys(SHAPES, read_reshape),
}
WRITERS: Writers = {
    Concat.name: write_concat,
    DepthToSpace.name: plain("DepthToSpace", blocksize="block", mode="mode"),
    Gather.name: write_gather,
    Reshape.name: write_reshape,
    Slice.name: write_slice,
    SpaceToDepth.name: plain("SpaceToDepth", blocksize="block"),
    Transpose.name: plain("Transpose", perm="axes"),
}
