"""gather: the slices of one axis that constant indices name."""

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


@dataclass(frozen=True)
class Gather(Operator):
    """`y = x[..., indices, ...]`: the axes of `indices` stand where `axis` stood.

    Attributes
    ----------
    x, y : Tensor
        int8 or int16.
    indices : Tensor
        int64; a constant, each 0 or more and below the extent of the axis.
    axis : int
        Not negative.
    """

    x: Tensor
    indices: Tensor
    y: Tensor
    axis: int = 0

    name = "gather"

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """What is gathered from."""
        return (self.x,)

    @property
    def constants(self) -> tuple[Tensor, ...]:
        """The indices."""
        return (self.indices,)

    @property
    def output(self) -> Tensor:
        """What is gathered."""
        return self.y

    @property
    def blocks(self) -> tuple[int, int, int]:
        """Elements before, along and after the axis of x."""
        shape = self.x.shape
        return math.prod(shape[: self.axis]), shape[self.axis], math.prod(shape[self.axis + 1 :])

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_gather.hpp`."""
        return arrays[0].take(arrays[1], self.axis)

    def call(self, chip: Chip, *constants: Array) -> CCall:
        """`espdl_gather_s8` or `_s16`."""
        outer, extent, inner = self.blocks
        return CCall(
            function=f"espdl_gather_{suffix(self.x)}",
            descriptor="espdl_gather_t",
            fields={
                "outer": outer,
                "extent": extent,
                "inner": inner,
                "count": self.indices.size,
            },
            arrays={"indices": constants[0].astype(np.int32)},
        )

    def permuted(self, axes: tuple[int, ...]) -> Operator:
        """The same on transposed tensors, where the indices have one dimension."""
        if len(self.indices.shape) != 1:
            return super().permuted(axes)
        x, y = self.x.permuted(axes), self.y.permuted(axes)
        return dataclasses.replace(self, x=x, y=y, axis=axes.index(self.axis))

    @rule(allowed="one exponent for input and output", fix="requantize the output")
    def exponents_are_equal(self, chip: Chip) -> str | None:
        """Input and output have the same exponent: the elements are copied as they are."""
        if self.x.exponent == self.y.exponent:
            return None
        return f"exponents {self.x.exponent} and {self.y.exponent}"

    @rule(allowed="int8 for both, or int16 for both", fix="quantize the output like the input")
    def types_are_equal(self, chip: Chip) -> str | None:
        """Input and output have one type."""
        fits = self.x.dtype == self.y.dtype and self.x.dtype in ("int8", "int16")
        return None if fits else f"{self.x.dtype} and {self.y.dtype}"
