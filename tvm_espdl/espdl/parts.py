"""Calls that together give the result of one operator, which no chip runs as it is: plain data."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..ops import Operator, Tensor
from ..ops.base.rounding import Array
from ..ops.concat import MAX_INPUTS, Concat
from ..ops.gather import Gather
from ..ops.requantize import Requantize
from ..ops.reshape import Reshape
from .types import Shape

MOST_AT_ONCE = 512  # samples or groups: a program of more calls is of no use, and takes long


@dataclass(frozen=True, eq=False)
class Part:
    """One call; its operands are numbers: of the whole's inputs, then of the parts' results."""

    operator: Operator
    inputs: tuple[int, ...]
    constants: tuple[Array, ...] = ()


@dataclass(eq=False)
class Parts:
    """Calls in their order, the last of which gives the result of the whole.

    `given` is how many inputs the whole has.
    """

    given: int
    calls: list[Part] = field(default_factory=list)

    def add(self, operator: Operator, *inputs: int, constants: Sequence[Array] = ()) -> int:
        """Add a call; the number of its result."""
        self.calls.append(Part(operator, inputs, tuple(constants)))
        return self.given + len(self.calls) - 1

    def shaped(self, place: int, x: Tensor, shape: Shape) -> tuple[int, Tensor]:
        """A value under another shape: itself, or that of a call of its own."""
        y = dataclasses.replace(x, shape=shape)
        return (place, y) if x.shape == shape else (self.add(Reshape(x, y), place), y)

    def picked(self, place: int, x: Tensor, axis: int, indices: Array) -> tuple[int, Tensor]:
        """Some places of an axis, in any order and number."""
        if np.array_equal(indices, np.arange(x.shape[axis])):
            return place, x
        y = dataclasses.replace(x, shape=(*x.shape[:axis], indices.size, *x.shape[axis + 1 :]))
        gather = Gather(x, y, Tensor("int64", indices.shape), axis)
        return self.add(gather, place, constants=[indices.astype(np.int64)]), y

    def rescaled(self, place: int, x: Tensor, y: Tensor) -> int:
        """A value with the type and exponent of y."""
        y = dataclasses.replace(y, shape=x.shape)
        return place if x == y else self.add(Requantize(x, y), place)

    def joined(self, places: Sequence[int], xs: Sequence[Tensor], y: Tensor, axis: int) -> int:
        """All of them along an axis; a concatenation takes a limited number at once."""
        tensors = list(xs)
        while len(places) > MAX_INPUTS:
            groups = [slice(n, n + MAX_INPUTS) for n in range(0, len(places), MAX_INPUTS)]
            wholes = [_joined(tensors[group], axis) for group in groups]
            places = [
                self.add(Concat(tuple(tensors[group]), whole, axis), *places[group])
                for group, whole in zip(groups, wholes, strict=True)
            ]
            tensors = wholes
        return self.add(Concat(tuple(tensors), y, axis), *places)


def _joined(parts: Sequence[Tensor], axis: int) -> Tensor:
    shape, extent = parts[0].shape, sum(part.shape[axis] for part in parts)
    return dataclasses.replace(parts[0], shape=(*shape[:axis], extent, *shape[axis + 1 :]))
