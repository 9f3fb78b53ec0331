"""Nodes that choose or place elements: Transpose, Concat, Split, Slice, Pad, Gather, Resize, ..."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

from ...ops import Tensor
from ...ops.base.window import Pair
from ...ops.concat import MAX_INPUTS, Concat
from ...ops.depth_to_space import DepthToSpace
from ...ops.gather import Gather
from ...ops.insert_zeros import InsertZeros
from ...ops.pad import MAX_RANK, Pad
from ...ops.reshape import Reshape
from ...ops.resize_linear import ResizeLinear
from ...ops.resize_nearest import ResizeNearest
from ...ops.slice import Slice
from ...ops.space_to_depth import SpaceToDepth
from ...ops.transpose import Transpose
from ..network import Call, Operand, State
from ..node_view import NodeView


def transpose(node: NodeView) -> list[Call]:
    """Old exporters count axes from the end."""
    x = node.tensor()
    rank = len(x.shape)
    attribute = node.node.attributes.get("perm")
    given = attribute.value if attribute is not None else None
    axes = tuple(reversed(range(rank)))
    if isinstance(given, tuple) and given:
        axes = tuple(node.from_front(int(a), rank) for a in given if isinstance(a, int))
    if sorted(axes) != list(range(rank)):
        node.refuse("no permutation of the axes", given, f"{rank} axes")
    y = node.typed([x.shape[axis] for axis in axes])
    return [node.call(Transpose(x, y, axes), [node.operand(0)])]


def concat(node: NodeView) -> list[Call]:
    """Parts along an axis; some may be constant."""
    places = range(len(node.node.inputs))
    parts = tuple(node.tensor(place) for place in places)
    axis = node.axis(0, len(parts[0].shape))
    shapes = [list(part.shape) for part in parts]
    if any(len(shape) != len(shapes[0]) for shape in shapes):
        node.refuse("parts of several ranks", [part.shape for part in parts])
    whole = list(shapes[0])
    whole[axis] = sum(shape[axis] for shape in shapes)
    if any(s[:axis] + s[axis + 1 :] != whole[:axis] + whole[axis + 1 :] for s in shapes):
        node.refuse("parts that do not fit together", [part.shape for part in parts])
    y, operands = node.typed(whole), [node.operand(place) for place in places]
    calls: list[Call] = []
    while len(parts) > MAX_INPUTS:
        # Our kernels take a limited number at once, ESP-DL any.
        groups = [slice(n, n + MAX_INPUTS) for n in range(0, len(parts), MAX_INPUTS)]
        joined = [_joined(parts[group], axis) for group in groups]
        names: list[Operand] = []
        for operator, group in zip(joined, groups, strict=True):
            name = f"{node.output()}_part{len(calls)}"
            calls.append(node.call(operator, operands[group], output=name))
            names.append(name)
        parts, operands = tuple(operator.y for operator in joined), names
    return [*calls, node.call(Concat(parts, y, axis), operands)]


def _joined(parts: tuple[Tensor, ...], axis: int) -> Concat:
    shape = list(parts[0].shape)
    shape[axis] = sum(part.shape[axis] for part in parts)
    return Concat(parts, dataclasses.replace(parts[0], shape=tuple(shape)), axis)


def split(node: NodeView) -> list[Call]:
    """A slice for each result; without sizes, equal parts, the last one smaller."""
    x = node.tensor()
    axis, count = node.axis(0, len(x.shape)), len(node.node.outputs)
    part = -(-x.shape[axis] // max(count, 1))
    sizes = [min(part, x.shape[axis] - n * part) for n in range(count)]
    if node.has(1):
        sizes = list(node.integers(1))
    if len(sizes) != count or min(sizes, default=0) < 1 or sum(sizes) != x.shape[axis]:
        node.refuse("sizes that are not the whole", sizes, f"{count} of {x.shape[axis]}")
    calls, start = [], 0
    for place, size in enumerate(sizes):
        starts = tuple(start if a == axis else 0 for a in range(len(x.shape)))
        shape = tuple(size if a == axis else extent for a, extent in enumerate(x.shape))
        start += size
        if not node.output(place):
            continue
        y = node.typed(shape, place)
        operator = Slice(x, y, starts, (1,) * len(shape))
        calls.append(node.call(operator, [node.operand(0)], place=place))
    return calls


def slice_(node: NodeView) -> list[Call]:
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
    y = node.typed(shape)
    operator = Slice(x, y, tuple(starts), tuple(strides))
    return [node.call(operator, [node.operand(0)])]


def pad(node: NodeView) -> list[Call]:
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
    mode = node.string("mode", "constant")
    whole = Pad(x, y, before, after, mode, value)
    merged = _merged(whole) if rank > MAX_RANK else whole
    if merged.x.shape == x.shape:
        return [node.call(whole, [node.operand(0)])]
    flat, padded = f"{node.output()}_flat", f"{node.output()}_padded"
    return [
        node.call(Reshape(x, merged.x), [node.operand(0)], output=flat),
        node.call(merged, [flat], output=padded),
        node.call(Reshape(merged.y, y), [padded]),
    ]


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


def gather(node: NodeView) -> list[Call]:
    """Constant indices, those below zero counted from the end."""
    x = node.tensor()
    axis = node.axis(0, len(x.shape))
    node.integers(1)
    indices, extent = node.array(1).astype(np.int64), x.shape[axis]
    if indices.size and not -extent <= indices.min() <= indices.max() < extent:
        node.refuse("indices outside of the axis", allowed=f"-{extent} to {extent - 1}")
    indices = np.array(np.where(indices < 0, indices + extent, indices), np.int64, order="C")
    y = node.typed((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))
    operator = Gather(x, Tensor("int64", indices.shape), y, axis)
    return [node.call(operator, [node.operand(0)], [indices])]


def depth_to_space(node: NodeView) -> list[Call]:
    """Channels become pixels."""
    x, block = _image(node), node.integer("blocksize", 1)
    batch, rows, columns, channels = x.shape
    if block < 1 or channels % block**2:
        node.refuse("a block", block, f"a square root of a divisor of {channels}")
    y = node.typed((batch, rows * block, columns * block, channels // block**2))
    mode = node.string("mode", "") or "DCR"
    return [node.call(DepthToSpace(x, y, block, mode), [node.operand(0)])]


def space_to_depth(node: NodeView) -> list[Call]:
    """Pixels become channels, in the order of the chip, which is not that of ONNX."""
    x, block = _image(node), node.integer("blocksize", 1)
    batch, rows, columns, channels = x.shape
    if block < 1 or rows % block or columns % block:
        node.refuse("a block", block, f"a divisor of {rows} and {columns}")
    y = node.typed((batch, rows // block, columns // block, channels * block**2))
    return [node.call(SpaceToDepth(x, y, block, "CRD"), [node.operand(0)])]


def insert_zeros(node: NodeView) -> list[Call]:
    """Zeros between pixels, for a transposed convolution; one stride or one for each axis."""
    x = node.tensor()
    axes = len(x.shape) - 2
    if axes not in (1, 2):
        node.refuse("an image or a signal", x.shape, "3 or 4 dimensions")
    strides = _of_axes(node, "stride", axes, 1, least=1)
    operator = InsertZeros.of(x, strides, _of_axes(node, "output_padding", axes, 0))
    y = node.typed(operator.y.shape)
    record = InsertZeros(operator.x, y, operator.strides, operator.tail)
    return [node.call(record, [node.operand(0)])]


def _of_axes(node: NodeView, name: str, axes: int, default: int, least: int = 0) -> Pair:
    """A list of sizes, one for each axis or one for all, as rows and columns."""
    attribute = node.node.attributes.get(name)
    given = attribute.value if attribute is not None else ()
    count = 1 if isinstance(given, tuple) and len(given) == 1 else axes
    sizes = node.list(name, count, default, least)
    sizes = sizes if len(sizes) == axes else sizes * axes
    return (default, *sizes)[-2], sizes[-1]


def _image(node: NodeView) -> Tensor:
    x = node.tensor()
    if len(x.shape) != 4:
        node.refuse("an image", x.shape, "4 dimensions")
    return x


def resize(node: NodeView) -> list[Call]:
    """Sizes are in ONNX's order, channels first, while the data have channels last.

    Of nearest, the chip has one kind of coordinates, whatever the node says.
    """
    x = node.tensor()
    if len(x.shape) not in (3, 4):
        node.refuse("an image or a signal", x.shape)
    y = node.typed((x.shape[0], *_resized(node, x), x.shape[-1]))
    mode = node.string("mode", "nearest")
    if mode == "nearest":
        return [node.call(ResizeNearest(x, y), [node.operand(0)])]
    if mode != "linear":
        node.refuse("a mode of resizing", mode, "nearest, linear")
    coordinates = node.string("coordinate_transformation_mode", "half_pixel")
    if coordinates != "align_corners":
        coordinates = "half_pixel"
    return [node.call(ResizeLinear(x, y, coordinates), [node.operand(0)])]


def _resized(node: NodeView, x: Tensor) -> tuple[int, ...]:
    size = x.shape[1:-1]
    if node.has(2) and node.stored(2).flat().size:
        scales = [np.float32(scale) for scale in node.stored(2).flat()[2:]]
        result = tuple(int(np.float32(n) * s) for n, s in zip(size, scales, strict=True))
        of_sizes = [np.float32(r / n) for r, n in zip(result, size, strict=True)]
        if of_sizes != scales:
            node.refuse("scales that give no whole size", list(map(float, scales)), "whole sizes")
        return result
    return node.integers(3)[2:]


def streaming_cache(node: NodeView) -> list[Call | State]:
    """The last frames of the runs before, then this run's; of both, the last ones are kept.

    Source: ESP-DL `dl/module/include/dl_module_streaming_cache.hpp`, which copies bytes one
    behind the other and begins with zeros.
    """
    x = node.tensor()
    axis = node.axis(1, len(x.shape), "frame_axis")
    kept = node.integer("window_size", 1) - 1
    y = node.typed(tuple(extent + kept * (a == axis) for a, extent in enumerate(x.shape)))
    if x.dtype == "float32" or kept < 0:
        node.refuse("a cache of integers", f"{x.dtype}, window_size {kept + 1}")
    if math.prod(x.shape[:axis]) != 1:
        node.refuse(
            "a cache along an inner axis, which the chip fills as if it were the outermost",
            f"frame_axis {axis} of shape {x.shape}",
            "axes of 1 before frame_axis",
            "have the frames first",
        )
    if not kept:
        return [node.call(Reshape(x, y), [node.operand(0)])]
    shape = tuple(kept if a == axis else extent for a, extent in enumerate(x.shape))
    cache = Tensor(x.dtype, shape, x.exponent)
    state = State(f"{node.output()}_cache", f"{node.output()}_cache_next", cache)
    starts = tuple(x.shape[axis] if a == axis else 0 for a in range(len(shape)))
    last = Slice(y, cache, starts, (1,) * len(shape))
    return [
        state,
        node.call(Concat((cache, x), y, axis), [state.name, node.operand(0)]),
        node.call(last, [node.output()], output=state.next),
    ]


TRANSLATORS: dict[str, Callable[[NodeView], Sequence[Call | State]]] = {
    "Concat": concat,
    "DepthToSpace": depth_to_space,
    "Gather": gather,
    "InsertZeros": insert_zeros,
    "Pad": pad,
    "Resize": resize,
    "Slice": slice_,
    "SpaceToDepth": space_to_depth,
    "Split": split,
    "StreamingCache": streaming_cache,
    "Transpose": transpose,
}
