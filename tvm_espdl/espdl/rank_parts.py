"""Operators of more dimensions than kernels walk, as several of fewer: the same elements."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..ops import Operator, Tensor
from ..ops.base.broadcast import MAX_RANK, Broadcast, merged
from ..ops.base.rounding import Array
from ..ops.matmul import MAX_RANK as MATMUL_RANK
from ..ops.matmul import Matmul
from ..ops.pad import Pad
from ..ops.reshape import Reshape
from ..ops.slice import Slice
from ..ops.transpose import Transpose
from .parts import Parts
from .types import Shape


@dataclass(frozen=True)
class _Runs:
    """Neighbouring dimensions of a broadcast as one, where both operands are repeated alike.

    Of the `runs` (extent, whether either is repeated), the first `outer` are repeated ahead; `kept`
    dimensions behind them are no part of the broadcast.
    """

    runs: list[tuple[int, bool, bool]]
    outer: int
    kept: int = 0

    @classmethod
    def of(cls, shapes: tuple[Shape, Shape, Shape], most: int, kept: int = 0) -> _Runs:
        """Those of two operands and their result, of which `most` may be left."""
        runs = merged(*shapes)
        return cls(runs, len(runs) - most + 1 if len(runs) > most else 0, kept)

    def operand(self, parts: Parts, place: int, tensor: Tensor) -> tuple[int, Tensor]:
        """An operand, 0 or 1, that has an axis for each run."""
        extents = [1 if run[place + 1] else run[0] for run in self.runs]
        behind = tensor.shape[len(tensor.shape) - self.kept :]
        at, tensor = parts.shaped(place, tensor, (*extents, *behind))
        for axis, run in enumerate(self.runs[: self.outer]):
            if run[place + 1]:
                at, tensor = parts.picked(at, tensor, axis, np.zeros(run[0], np.int64))
        return at, tensor

    def joined(self, shape: Shape) -> Shape:
        """A shape that begins with the runs, with the outer ones as one."""
        return (math.prod(shape[: self.outer]), *shape[self.outer :]) if self.outer else shape


def broadcast(whole: Broadcast, constants: Sequence[Array]) -> Parts:
    """What is repeated in the outer dimensions is so before, so that they are one."""
    runs = _Runs.of((whole.a.shape, whole.b.shape, whole.y.shape), MAX_RANK)
    parts = Parts(2)
    (left, a), (right, b) = (runs.operand(parts, n, t) for n, t in enumerate((whole.a, whole.b)))
    y = dataclasses.replace(whole.y, shape=tuple(extent for extent, *_ in runs.runs))
    result = parts.add(dataclasses.replace(whole, a=a, b=b, y=y), left, right)
    parts.shaped(result, y, whole.y.shape)
    return parts


def matmul(whole: Matmul, constants: Sequence[Array]) -> Parts | None:
    """The dimensions in front of the matrices as two at most."""
    if min(len(whole.a.shape), len(whole.b.shape)) < 2:
        return None
    batches = (whole.a.shape[:-2], whole.b.shape[:-2], whole.y.shape[:-2])
    runs, parts = _Runs.of(batches, MATMUL_RANK - 2, 2), Parts(2)
    (left, a), (right, b) = (
        parts.shaped(place, tensor, runs.joined(tensor.shape))
        for place, tensor in (runs.operand(parts, n, t) for n, t in enumerate((whole.a, whole.b)))
    )
    whole_batch = tuple(extent for extent, *_ in runs.runs)
    shape = runs.joined((*whole_batch, *whole.y.shape[-2:]))
    y = dataclasses.replace(whole.y, shape=shape)
    result = parts.add(dataclasses.replace(whole, a=a, b=b, y=y), left, right)
    parts.shaped(result, y, whole.y.shape)
    return parts


def walked(whole: Operator, constants: Sequence[Array]) -> Parts | None:
    """A slice, a padding or a transpose, one axis after the other."""
    if isinstance(whole, Slice):
        places = zip(whole.y.shape, whole.starts, whole.steps, strict=True)
        return _each_axis(
            whole,
            {
                axis: partial(Slice, starts=(0, start, 0), steps=(1, step, 1))
                for axis, (extent, start, step) in enumerate(places)
                if (extent, start, step) != (whole.x.shape[axis], 0, 1)
            },
        )
    if isinstance(whole, Pad):
        padded = partial(Pad, mode=whole.mode, value=whole.value)
        widths = enumerate(zip(whole.before, whole.after, strict=True))
        return _each_axis(
            whole,
            {
                axis: partial(padded, before=(0, before, 0), after=(0, after, 0))
                for axis, (before, after) in widths
                if before or after
            },
        )
    return _transposed(whole) if isinstance(whole, Transpose) else None


def _each_axis(whole: Slice | Pad, changes: Mapping[int, Callable[..., Operator]]) -> Parts:
    """An operator of three dimensions for each axis that changes: before, along, and behind it."""
    parts, place, x, shape = Parts(1), 0, whole.x, list(whole.x.shape)
    for axis, change in changes.items():
        before, behind = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
        place, x = parts.shaped(place, x, (before, shape[axis], behind))
        shape[axis] = whole.y.shape[axis]
        y = dataclasses.replace(whole.y, shape=(before, shape[axis], behind))
        place, x = parts.add(change(x, y), place), y
    parts.add(Reshape(x, whole.y), place)
    return parts


def _transposed(whole: Transpose) -> Parts:
    """Each axis is brought to its place in front of those that come behind it."""
    parts, place, x, order = Parts(1), 0, whole.x, list(range(len(whole.axes)))
    for at, axis in enumerate(whole.axes):
        found = order.index(axis)
        if found == at:
            continue
        extents = [whole.x.shape[n] for n in order]
        blocks = (extents[:at], extents[at:found], extents[found : found + 1], extents[found + 1 :])
        place, x = parts.shaped(place, x, tuple(map(math.prod, blocks)))
        turned = dataclasses.replace(x.permuted((0, 2, 1, 3)), exponent=whole.y.exponent)
        place, x = parts.add(Transpose(x, turned, (0, 2, 1, 3)), place), turned
        order.insert(at, order.pop(found))
    parts.add(Reshape(x, whole.y), place)
    return parts
