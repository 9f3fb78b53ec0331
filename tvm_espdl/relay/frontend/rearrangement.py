"""ONNX Pad, Gather, Resize, GlobalAveragePool and reductions as single calls that patterns find.

TVM's importer writes TIR functions for paddings and signals, index arithmetic for gathers, and the
same mean for a global average pool and for ReduceMean, which ESP-DL rounds differently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from tvm import relax

from ..ir import array_of, dtype_of, is_constant, shape_of

PAD_MODES = {"constant": "constant", "edge": "replicate", "reflect": "reflect"}

Attributes = Mapping[str, Any]
Unary = Callable[[Any], Any]


def _constant(inputs: Sequence[Any], position: int) -> Any:
    """The array of a constant input; None where it is missing or computed."""
    given = inputs[position] if len(inputs) > position else None
    return array_of(given) if given is not None and is_constant(given) else None


def _given(inputs: Sequence[Any], position: int) -> bool:
    return len(inputs) > position and inputs[position] is not None


def _is_float_tensor(expr: Any) -> bool:
    return isinstance(expr.ty, relax.TensorType) and dtype_of(expr) == "float32"


def _text(attrs: Attributes, name: str, default: str) -> str:
    value = attrs.get(name, default)
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _pad(inputs: list[Any], attrs: Attributes) -> Any:
    x, mode = inputs[0], PAD_MODES.get(_text(attrs, "mode", "constant"))
    pads = np.asarray(attrs["pads"]) if "pads" in attrs else _constant(inputs, 1)
    computed = _given(inputs, 2) and _constant(inputs, 2) is None
    if mode is None or pads is None or computed or not _is_float_tensor(x):
        return None
    rank = len(shape_of(x))
    axes = _constant(inputs, 3) if _given(inputs, 3) else np.arange(rank)
    if axes is None:
        return None
    widths = np.zeros((rank, 2), np.int64)
    widths[axes] = pads.reshape(2, -1).T
    value = _constant(inputs, 2)
    filling = float(attrs.get("value", 0.0)) if value is None else float(value.item())
    return relax.op.nn.pad(x, [int(width) for width in widths.ravel()], mode, filling)


def _gather(inputs: list[Any], attrs: Attributes) -> Any:
    x, indices = inputs[0], _constant(inputs, 1)
    if indices is None or is_constant(x) or not _is_float_tensor(x):
        return None
    shape = shape_of(x)
    axis = int(attrs.get("axis", 0)) % len(shape)
    counted = np.where(indices < 0, indices + shape[axis], indices).astype(np.int64)
    taken = relax.op.take(x, relax.const(counted.reshape(-1)), axis)
    if counted.ndim == 1:
        return taken
    return relax.op.reshape(taken, (*shape[:axis], *counted.shape, *shape[axis + 1 :]))


def _global_average_pool(inputs: list[Any], attrs: Attributes) -> Any:
    size = shape_of(inputs[0])[2:]
    pools = {1: relax.op.nn.avg_pool1d, 2: relax.op.nn.avg_pool2d}
    return pools[len(size)](inputs[0], size) if len(size) in pools else None


def _resize(inputs: list[Any], attrs: Attributes) -> Any:
    """Signals as images of one row; scales that do not divide, which TVM would forget, as gathers.

    Raises
    ------
    NotImplementedError
        For an antialiasing filter, which TVM's importer would leave out.
    """
    if attrs.get("antialias", 0):
        raise NotImplementedError("Resize with antialias=1 is not supported")
    x, scales, sizes = inputs[0], _constant(inputs, 2), _constant(inputs, 3)
    shape = shape_of(x)
    if scales is not None and scales.size == len(shape):
        sizes = np.floor(scales * np.asarray(shape, np.float32)).astype(np.int64)
    if sizes is None or sizes.size != len(shape) or "axes" in attrs:
        return None
    mode = _text(attrs, "mode", "nearest")
    coordinates = _text(attrs, "coordinate_transformation_mode", "half_pixel")
    rounding = _text(attrs, "nearest_mode", "round_prefer_floor")
    floors = (mode, coordinates, rounding) == ("nearest", "asymmetric", "floor")
    if scales is not None and floors and not np.allclose(sizes, scales * shape, atol=1e-4):
        return _taken(x, scales, sizes)
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


def _taken(x: Any, scales: Any, sizes: Any) -> Any:
    """The pixels at the rounded down multiples of the inverse scales."""
    for axis, (extent, scale, size) in enumerate(zip(shape_of(x), scales, sizes, strict=True)):
        if extent != size:
            indices = np.minimum(np.arange(size) // np.float64(scale), extent - 1)
            x = relax.op.take(x, relax.const(indices.astype(np.int64)), axis)
    return x


def _itself(x: Any) -> Any:
    return x


def _reduce(reduction: Callable[..., Any], before: Unary = _itself, after: Unary = _itself) -> Any:
    """Converter of a reduction; it keeps the axes, and a reshape drops them."""

    def convert(inputs: list[Any], attrs: Attributes) -> Any:
        x = inputs[0]
        axes = attrs.get("axes", _constant(inputs, 1))
        computed = _given(inputs, 1) and _constant(inputs, 1) is None
        empty = axes is None or not len(axes)
        if computed or not _is_float_tensor(x) or (empty and attrs.get("noop_with_empty_axes", 0)):
            return None
        shape = shape_of(x)
        reduced = {int(a) % len(shape) for a in (range(len(shape)) if empty else axes)}
        result = after(reduction(before(x), axis=sorted(reduced), keepdims=True))
        if attrs.get("keepdims", 1):
            return result
        kept = tuple(n for axis, n in enumerate(shape) if axis not in reduced)
        return relax.op.reshape(result, kept)

    return convert


CONVERTERS = {
    "Pad": _pad,
    "Gather": _gather,
    "GlobalAveragePool": _global_average_pool,
    "Resize": _resize,
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
