"""Family of the operators whose result is a view that steps through the input. None itself.

It knows shapes and strides only; elements are never looked at.
"""

from __future__ import annotations

import math

from ...chips import Chip
from .ccall import FieldValue
from .operator import rule
from .unary import MovedIntegers

MAX_RANK = 6
Shape = tuple[int, ...]


def strides_of(shape: Shape) -> Shape:
    """Elements between two neighbours along each axis of a dense tensor."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def split_at(shape: Shape, axis: int) -> tuple[int, int, int]:
    """Elements before, along and behind an axis of a dense tensor."""
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])


class Strided(MovedIntegers):
    """Elements of x, taken with one step per axis of the result, int8 or int16."""

    family = "movement"
    header = "strided"
    descriptor = "espdl_strided_t"

    def walk(self) -> tuple[Shape, Shape, int]:
        """Extents of the result, steps through x for each, and the first element's place in x.

        The extents may split an axis of y into several.
        """
        raise NotImplementedError

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """The walk, its unused dimensions in front."""
        extents, strides, first = self.walk()
        missing = MAX_RANK - len(extents)
        return {
            "first": first,
            "extents": (1,) * missing + extents,
            "strides": (0,) * missing + strides,
        }

    @rule(allowed=f"up to {MAX_RANK} dimensions", fix="reshape first")
    def rank_fits(self, chip: Chip) -> str | None:
        """The elements are moved along at most 6 dimensions."""
        rank = len(self.walk()[0])
        return None if rank <= MAX_RANK else f"{rank} dimensions"
