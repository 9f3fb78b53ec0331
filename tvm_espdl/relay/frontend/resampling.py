"""Resize by scales that do not divide the sizes: TVM works with the ratio of the sizes instead.

Of `align_corners` ONNX's reference and onnxruntime make two things there: it is refused.
Coordinates and weights are those of ONNX's operator Resize, worked out here; the network only
takes elements, and adds two of them with weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tvm import relax

from ...ops.base.rounding import Array
from ..ir import shape_of

Coordinates = Callable[[Array, float, int, int], Array]

_COORDINATES: dict[str, Coordinates] = {
    "half_pixel": lambda y, scale, n, m: (y + 0.5) / scale - 0.5,
    "pytorch_half_pixel": lambda y, scale, n, m: (y + 0.5) / scale - 0.5 if m > 1 else y * 0.0,
    "asymmetric": lambda y, scale, n, m: y / scale,
    "half_pixel_symmetric": lambda y, scale, n, m: (
        n / 2 * (1 - m / (scale * n)) + (y + 0.5) / scale - 0.5
    ),
}

_ROUNDING: dict[str, Callable[[Array], Array]] = {
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}


def resampled(x: Any, scales: Array, sizes: Array, mode: str, how: tuple[str, str]) -> Any:
    """The resized tensor, or None for a mode that is not here.

    Parameters
    ----------
    x : relax.Expr
    scales, sizes : array, one for each axis
    mode : str
        `nearest` or `linear`.
    how : (str, str)
        ONNX's coordinate transformation and rounding.
    """
    if mode not in ("nearest", "linear") or how[0] not in _COORDINATES or how[1] not in _ROUNDING:
        return None
    shape = shape_of(x)
    for axis, extent in enumerate(shape):
        scale, size = float(scales[axis]), int(sizes[axis])
        if scale == 1.0 and extent == size:
            continue
        # float32, as onnxruntime computes it
        at = _COORDINATES[how[0]](
            np.arange(size, dtype=np.float32), np.float32(scale), extent, size
        )
        if mode == "nearest":
            indices = np.clip(_ROUNDING[how[1]](at), 0, extent - 1).astype(np.int64)
            x = relax.op.take(x, relax.const(indices), axis)
        else:
            x = _mixed(x, np.clip(at, 0, extent - 1), axis, len(shape), extent)
    return x


def _mixed(x: Any, at: Array, axis: int, rank: int, extent: int) -> Any:
    """Linear interpolation along one axis: of two neighbours each, with their weights."""
    below = np.floor(at).astype(np.int64)
    above, part = np.minimum(below + 1, extent - 1), (at - below).astype(np.float32)
    along = [-1 if a == axis else 1 for a in range(rank)]
    first, second = (
        relax.op.multiply(
            relax.op.take(x, relax.const(indices), axis), relax.const(weights.reshape(along))
        )
        for indices, weights in ((below, 1 - part), (above, part))
    )
    return relax.op.add(first, second)
