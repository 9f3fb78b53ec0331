"""concat: tensors one behind the other along an axis."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from ..chips import Chip
from .base.ccall import CCall
from .base.operator import Operator, Tensor, rule
from .base.rounding import Array
from .base.unary import suffix

MAX_INPUTS = 16


@dataclass(frozen=True)
class Concat(Operator):
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

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The parts."""
        return self.xs

    @property
    def output(self) -> Tensor:
        """The whole."""
        return self.y

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

    def call(self, chip: Chip, *constants: Array) -> CCall:
        """`espdl_concat_s8` or `_s16`."""
        unused = MAX_INPUTS - len(self.xs)
        return CCall(
            function=f"espdl_concat_{suffix(self.y)}",
            descriptor="espdl_concat_t",
            fields={
                "parts": len(self.xs),
                "outer": self.outer,
                "blocks": self.blocks + (0,) * unused,
            },
            pointers="variadic",
        )

    def permuted(self, axes: tuple[int, ...]) -> Operator:
        """The same on transposed tensors."""
        return dataclasses.replace(
            self,
            xs=tuple(x.permuted(axes) for x in self.xs),
            y=self.y.permuted(axes),
            axis=axes.index(self.axis),
        )

    @rule(allowed="one exponent for all inputs and the output", fix="requantize the inputs")
    def exponents_are_equal(self, chip: Chip) -> str | None:
        """All inputs and the output have the same exponent: the elements are copied as they are."""
        exponents = [tensor.exponent for tensor in (*self.xs, self.y)]
        return None if len(set(exponents)) == 1 else f"exponents {exponents}"

    @rule(allowed="int8 or int16 for all inputs and the output", fix="quantize all alike")
    def types_are_equal(self, chip: Chip) -> str | None:
        """All inputs and the output have one type."""
        types = sorted({tensor.dtype for tensor in (*self.xs, self.y)})
        fits = len(types) == 1 and types[0] in ("int8", "int16")
        return None if fits else ", ".join(types)

    @rule(allowed=f"up to {MAX_INPUTS} inputs", fix="concatenate in steps")
    def inputs_fit(self, chip: Chip) -> str | None:
        """A concatenation has at most 16 inputs."""
        return None if len(self.xs) <= MAX_INPUTS else f"{len(self.xs)} inputs"
