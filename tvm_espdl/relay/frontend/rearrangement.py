"""ONNX operators that move or combine elements, as single calls that patterns find.

TVM's importer writes TIR functions for paddings and signals, index arithmetic for gathers, and the
same mean for a global average pool and for ReduceMean, which ESP-DL rounds differently. It works
out indices of ScatterND when the network runs, and does not know ReverseSequence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from tvm import ir, relax

from ..ir import is_constant, shape_of
from .node import Node
from .resampling import resampled

PAD_MODES = {"constant": "constant", "edge": "replicate", "reflect": "reflect"}

Unary = Callable[[Any], Any]


def _pad(node: Node) -> Any:
    x, mode = node.x, PAD_MODES.get(node.text("mode", "constant"))
    pads = np.asarray(node.attrs["pads"]) if "pads" in node.attrs else node.constant(1)
    if mode is None or pads is None or not node.is_float():
        return None
    if node.is_computed(2) or node.is_computed(3):
        return None
    rank, axes, value = len(shape_of(x)), node.constant(3), node.constant(2)
    widths = np.zeros((rank, 2), np.int64)
    widths[np.arange(rank) if axes is None else axes] = pads.reshape(2, -1).T
    filling = float(node.attrs.get("value", 0.0)) if value is None else float(value.item())
    return relax.op.nn.pad(x, [int(width) for width in widths.ravel()], mode, filling)


def _gather(node: Node) -> Any:
    x, indices = node.x, node.constant(1)
    if indices is None or is_constant(x) or not node.is_float():
        return None
    shape = shape_of(x)
    axis = int(node.attrs.get("axis", 0)) % len(shape)
    counted = np.where(indices < 0, indices + shape[axis], indices).astype(np.int64)
    taken = relax.op.take(x, relax.const(counted.reshape(-1)), axis)
    if counted.ndim == 1:
        return taken
    return relax.op.reshape(taken, (*shape[:axis], *counted.shape, *shape[axis + 1 :]))


def _tile(node: Node) -> Any:
    """`relax.tile`, of which TVM's importer makes a TIR function; one axis after the other."""
    repeats = node.constant(1)
    if repeats is None or is_constant(node.x) or not node.is_float():
        return None
    return _repeated(node.x, repeats)


def _expand(node: Node) -> Any:
    """As `_tile`, behind a reshape where there are new axes; along one axis TVM's own call."""
    shape = node.constant(1)
    if shape is None or is_constant(node.x) or not node.is_float():
        return None
    before = tuple(shape_of(node.x))
    after = np.broadcast_shapes(before, tuple(map(int, shape)))
    wide = (1,) * (len(after) - len(before)) + before
    if wide == before and sum(map(int.__ne__, before, after)) == 1:
        return None
    x = node.x if wide == before else relax.op.reshape(node.x, wide)
    return _repeated(x, [n // max(extent, 1) for n, extent in zip(after, wide, strict=True)])


def _repeated(x: Any, repeats: Sequence[Any]) -> Any:
    """Patterns know the repetition along one axis; along none it is the tensor itself."""
    if all(count == 1 for count in repeats):
        return x if isinstance(x, ir.Call) else relax.op.reshape(x, shape_of(x))
    for axis, count in enumerate(repeats):
        if count != 1:
            x = relax.op.tile(x, [int(count) if at == axis else 1 for at in range(len(repeats))])
    return x


def _global_average_pool(node: Node) -> Any:
    size = shape_of(node.x)[2:]
    pools = {1: relax.op.nn.avg_pool1d, 2: relax.op.nn.avg_pool2d}
    return pools[len(size)](node.x, size) if len(size) in pools else None


def _resize(node: Node) -> Any:
    """Signals as images of one row; scales that do not divide, which TVM would forget, as gathers.

    Raises
    ------
    NotImplementedError
        For an antialiasing filter, which TVM's importer would leave out.
    """
    if node.attrs.get("antialias", 0):
        raise NotImplementedError("Resize with antialias=1 is not supported")
    x, scales, sizes = node.x, node.constant(2), node.constant(3)
    shape = shape_of(x)
    axes = [int(axis) % len(shape) for axis in node.attrs.get("axes", range(len(shape)))]
    if scales is not None and scales.size == len(axes):
        scales = _of_all_axes(scales, axes, np.ones(len(shape), np.float32))
        sizes = np.floor(scales * np.asarray(shape, np.float32)).astype(np.int64)
    if sizes is None or sizes.size != len(shape) or ("axes" in node.attrs and scales is None):
        return None
    mode = node.text("mode", "nearest")
    coordinates = node.text("coordinate_transformation_mode", "half_pixel")
    rounding = node.text("nearest_mode", "round_prefer_floor")
    divides = scales is None or np.allclose(sizes, scales * shape, atol=1e-4)
    if not divides or "axes" in node.attrs:
        found = resampled(x, scales, sizes, mode, (coordinates, rounding))
        if found is None:
            raise NotImplementedError(
                f"Resize by scales of some axes, or that do not divide the sizes, of mode {mode} "
                f"and coordinates {coordinates}, is not supported"
            )
        return found
    if len(shape) != 3 or mode not in ("nearest", "linear"):
        return None
    size = (1, int(sizes[2]))
    image = relax.op.reshape(x, (shape[0], shape[1], 1, shape[2]))
    resized = relax.op.image.resize2d(
        image,
        relax.ShapeExpr(size),
        layout="NCHW",
        method="nearest_neighbor" if mode == "nearest" else "linear",
        coordinate_transformation_mode=coordinates,
        rounding_method=rounding,
    )
    return relax.op.reshape(resized, (shape[0], shape[1], size[1]))


def _of_all_axes(given: Any, axes: Sequence[int], others: Any) -> Any:
    others[list(axes)] = given
    return others


def _scatter_nd(node: Node) -> Any:
    data, _, updates = node.inputs
    indices = node.constant(1)
    if indices is None:
        return None
    array = indices.astype(np.int64)
    extents = np.array(shape_of(data)[: array.shape[-1]], np.int64)
    counted = np.where(array < 0, array + extents, array)
    name = node.text("reduction", "none")
    reduction = "update" if name == "none" else name
    return relax.op.scatter_nd(data, relax.const(counted), updates, reduction)


def _reverse_sequence(node: Node) -> Any:
    """Each element is taken from its place in the reversed sequence.

    Raises
    ------
    NotImplementedError
        For lengths that are known only at run time.
    """
    x, lengths = node.x, node.constant(1)
    if lengths is None:
        raise NotImplementedError("ReverseSequence needs constant sequence_lens")
    shape = shape_of(x)
    batch, time = (
        int(node.attrs.get(name, default)) % len(shape)
        for name, default in (("batch_axis", 1), ("time_axis", 0))
    )
    along = np.ones(len(shape), np.int64)
    along[batch] = shape[batch]
    reversed_steps = lengths.astype(np.int64).reshape(along)
    along[batch], along[time] = 1, shape[time]
    steps = np.arange(shape[time]).reshape(along)
    source = np.where(steps < reversed_steps, reversed_steps - 1 - steps, steps)
    places = np.ascontiguousarray(np.broadcast_to(source, shape))
    return relax.op.gather_elements(x, relax.const(places), time)


def _itself(x: Any) -> Any:
    return x


def _reduce(reduction: Callable[..., Any], before: Unary = _itself, after: Unary = _itself) -> Any:
    """Converter of a reduction; it keeps the axes, and a reshape drops them."""

    def convert(node: Node) -> Any:
        x, axes = node.x, node.attrs.get("axes", node.constant(1))
        empty = axes is None or not len(axes)
        if 0 in shape_of(x):
            raise NotImplementedError("a reduction of a tensor without elements is not supported")
        if node.is_computed(1) or not node.is_float():
            return None
        if empty and node.attrs.get("noop_with_empty_axes", 0):
            return None
        shape = shape_of(x)
        reduced = {int(a) % len(shape) for a in (range(len(shape)) if empty else axes)}
        result = after(reduction(before(x), axis=sorted(reduced), keepdims=True))
        if node.attrs.get("keepdims", 1):
            return result
        kept = tuple(n for axis, n in enumerate(shape) if axis not in reduced)
        return relax.op.reshape(result, kept)

    return convert


CONVERTERS = {
    "Pad": _pad,
    "Gather": _gather,
    "Tile": _tile,
    "Expand": _expand,
    "GlobalAveragePool": _global_average_pool,
    "Resize": _resize,
    "ReverseSequence": _reverse_sequence,
    "ScatterND": _scatter_nd,
    "ReduceMean": _reduce(relax.op.mean),
    "ReduceSum": _reduce(relax.op.sum),
    "ReduceMax": _reduce(relax.op.max),
    "ReduceMin": _reduce(relax.op.min),
    "ReduceProd": _reduce(relax.op.prod),
    "ReduceL1": _reduce(relax.op.sum, before=relax.op.abs),
    "ReduceSumSquare": _reduce(relax.op.sum, before=relax.op.square),
    "ReduceL2": _reduce(relax.op.sum, before=relax.op.square, after=relax.op.sqrt),
    "ReduceLogSum": _reduce(relax.op.sum, after=relax.op.log),
}
