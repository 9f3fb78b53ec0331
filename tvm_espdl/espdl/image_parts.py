"""Images and signals that no kernel takes: several at once, padded far, of one pixel, of int16."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops import Operator
from ..ops.base.pool import Pool
from ..ops.base.rounding import Array
from ..ops.max_pool2d import MaxPool2d
from ..ops.pad import Pad
from ..ops.reshape import Reshape
from ..ops.resize_linear import ResizeLinear
from ..ops.resize_nearest import ResizeNearest
from ..ops.slice import Slice
from .parts import MOST_AT_ONCE, Parts
from .types import Shape


def samples(whole: Any, constants: Sequence[Array]) -> Parts | None:
    """One call for each sample of a batch."""
    count = whole.x.shape[0]
    if len(whole.x.shape) not in (3, 4) or whole.y.shape[0] != count:
        return None
    if not 1 < count <= MOST_AT_ONCE:
        return None
    x, y = (dataclasses.replace(t, shape=(1, *t.shape[1:])) for t in (whole.x, whole.y))
    one, parts, results = dataclasses.replace(whole, x=x, y=y), Parts(1), []
    for number in range(count):
        sample = parts.add(Slice.along(whole.x, x, 0, number), 0)
        results.append(parts.add(one, sample, constants=constants))
    parts.joined(results, [y] * count, whole.y, 0)
    return parts


def padded_pool(whole: Operator, constants: Sequence[Array]) -> Parts | None:
    """The padding by itself: zeros for a mean; what never wins for a maximum."""
    if not isinstance(whole, Pool):
        return None
    top, left, bottom, right = whole.pads
    is_image = len(whole.x.shape) == 4
    before: Shape = (0, top, left, 0) if is_image else (0, left, 0)
    after: Shape = (0, bottom, right, 0) if is_image else (0, right, 0)
    extents = zip(before, whole.x.shape, after, strict=True)
    x = dataclasses.replace(whole.x, shape=tuple(b + n + a for b, n, a in extents))
    value = int(np.iinfo(x.dtype).min) if isinstance(whole, MaxPool2d) else 0
    parts = Parts(1)
    padded = parts.add(Pad(whole.x, x, before, after, "constant", value), 0)
    parts.add(dataclasses.replace(whole, x=x, pads=(0, 0, 0, 0)), padded)
    return parts


def picked_pixels(whole: Operator, constants: Sequence[Array]) -> Parts | None:
    """The nearest rows, then the nearest columns, then another exponent."""
    if not isinstance(whole, ResizeNearest):
        return None
    rows, columns = whole.sources()
    return gathered(whole, [columns] if whole.is_signal else [rows, columns])


def gathered(whole: ResizeNearest, places: Sequence[Array]) -> Parts:
    """Pixels at these places of each axis behind the first, then another exponent."""
    parts, place, x = Parts(1), 0, whole.x
    for axis, sources in enumerate(places, 1):
        place, x = parts.picked(place, x, axis, sources)
    parts.rescaled(place, x, whole.y)
    return _or_copied(parts, whole)


def repeated_pixels(whole: Operator, constants: Sequence[Array]) -> Parts | None:
    """A direction of one pixel is repeated; the other one alone is interpolated, as a signal."""
    if not isinstance(whole, ResizeLinear):
        return None
    parts, place, x = Parts(1), 0, whole.x
    batch, *size, channels = x.shape
    result = whole.y.shape[1:-1]
    between = [
        axis
        for axis, extents in enumerate(zip(size, result, strict=True), 1)
        if min(extents[: 2 if whole.coordinates == "align_corners" else 1]) > 1
    ]
    single = [axis for axis in range(1, len(size) + 1) if axis not in between]
    for axis in single:
        place, x = parts.picked(place, x, axis, np.zeros(1, np.int64))
    if between:
        (axis,) = between
        place, x = parts.shaped(place, x, (batch, size[axis - 1], channels))
        y = dataclasses.replace(whole.y, shape=(batch, result[axis - 1], channels))
        place = parts.add(dataclasses.replace(whole, x=x, y=y), place)
        shape = [result[at - 1] if at == axis else 1 for at in range(1, len(size) + 1)]
        place, x = parts.shaped(place, y, (batch, *shape, channels))
    else:
        place = parts.rescaled(place, x, whole.y)
        x = dataclasses.replace(whole.y, shape=x.shape)
    for axis in single:
        place, x = parts.picked(place, x, axis, np.zeros(result[axis - 1], np.int64))
    return _or_copied(parts, whole)


def _or_copied(parts: Parts, whole: Operator) -> Parts:
    """The calls; where there are none, the input is the result."""
    if not parts.calls:
        parts.add(Reshape(whole.inputs[0], whole.output), 0)
    return parts
