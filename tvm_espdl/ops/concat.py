"""concat: tensors one behind the other along an axis."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from ..chips import Chip
from .base import AllOfOneExponent, AllOfOneType, Array, FieldValue, Operator, Tensor, rule

MAX_INPUTS = 16


class Concat(AllOfOneExponent, AllOfOneType):
    """All of `xs` along `axis`.

    Attributes
    ----------
    xs : tuple of Tensor
        int8 or int16, one type and one exponent.
    y : Tensor
        The result.
    axis : int
        Not negative.
    """

    xs: tuple[Tensor, ...]
    y: Tensor
    axis: int = 0

    name = "concat"
    family = "movement"
    pointers = "variadic"

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The parts."""
        return self.xs

    @property
    def outer(self) -> int:
        """Elements before the axis: how often one block of each part is copied."""
        return math.prod(self.y.shape[: self.axis])

    @property
    def blocks(self) -> tuple[int, ...]:
        """Elements of each part that lie together in the result."""
        return tuple(math.prod(x.shape[self.axis :]) for x in self.xs)

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_concat.hpp`."""
        return np.concatenate(arrays, self.axis)

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """How many parts, how often, and the elements of each."""
        blocks = self.blocks + (0,) * (MAX_INPUTS - len(self.xs))
        return {"parts": len(self.xs), "outer": self.outer, "blocks": blocks}

    def permuted(self, axes: tuple[int, ...]) -> Operator:
        """The same on transposed tensors."""
        xs, y = tuple(x.permuted(axes) for x in self.xs), self.y.permuted(axes)
        return dataclasses.replace(self, xs=xs, y=y, axis=axes.index(self.axis))

    @rule(allowed=f"up to {MAX_INPUTS} inputs", fix="concatenate in steps")
    def inputs_fit(self, chip: Chip) -> str | None:
        """A concatenation has at most 16 inputs."""
        return None if len(self.xs) <= MAX_INPUTS else f"{len(self.xs)} inputs"
