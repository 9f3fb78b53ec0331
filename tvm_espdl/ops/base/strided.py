"""Family of the operators whose result is a view that steps through the input. None itself.

It knows shapes and strides only; elements are never looked at.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...chips import Chip
from .ccall import CCall
from .moved import MovedIntegers
from .operator import rule
from .rounding import Array
from .unary import suffix

MAX_RANK = 6
Shape = tuple[int, ...]


def strides_of(shape: Shape) -> Shape:
    """Elements between two neighbours along each axis of a dense tensor."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


@dataclass(frozen=True)
class Strided(MovedIntegers):
    """Elements of x, taken with one step per axis of the result, int8 or int16."""

    family = "strided"

    def walk(self) -> tuple[Shape, Shape, int]:
        """Extents of the result, steps through x for each, and the first element's place in x.

        The extents may split an axis of y into several.
        """
        raise NotImplementedError

    def call(self, chip: Chip, *constants: Array) -> CCall:
        """`espdl_<name>_s8` or `_s16`."""
        extents, strides, first = self.walk()
        missing = MAX_RANK - len(extents)
        return CCall(
            function=f"espdl_{self.name}_{suffix(self.x)}",
            descriptor="espdl_strided_t",
            fields={
                "first": first,
                "extents": (1,) * missing + extents,
                "strides": (0,) * missing + strides,
            },
        )

    @rule(allowed=f"up to {MAX_RANK} dimensions", fix="reshape first")
    def rank_fits(self, chip: Chip) -> str | None:
        """The elements are moved along at most 6 dimensions."""
        rank = len(self.walk()[0])
        return None if rank <= MAX_RANK else f"{rank} dimensions"
