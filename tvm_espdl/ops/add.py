"""add: element-wise sum with broadcasting, at one exponent, with fused ReLU."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..chips import Chip
from .broadcast import strides_of
from .ccall import CCall
from .operator import Operator, Tensor, rule
from .rounding import Array, saturate
from .unary import suffix


@dataclass(frozen=True)
class Add(Operator):
    """`y = activation(saturate(a + b))`.

    Attributes
    ----------
    a, b, y : Tensor
        int8 or int16, one type and one exponent; a and b broadcast to y.
    activation : str
        `linear` or `relu`.
    """

    a: Tensor
    b: Tensor
    y: Tensor
    activation: str = "linear"

    name: ClassVar[str] = "add"

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Both summands."""
        return (self.a, self.b)

    @property
    def output(self) -> Tensor:
        """The sum."""
        return self.y

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/base/dl_base_add.cpp`; exponents are not read."""
        a, b = arrays
        y = saturate(a.astype(np.int32) + b.astype(np.int32), self.y.dtype)
        return np.maximum(y, 0) if self.activation == "relu" else y

    def call(self, chip: Chip, *constants: Array) -> CCall:
        """`espdl_add_s8` or `_s16`."""
        return CCall(
            function=f"espdl_add_{suffix(self.y)}",
            descriptor="espdl_binary_t",
            fields={
                **strides_of(self.a.shape, self.b.shape, self.y.shape),
                "relu": int(self.activation == "relu"),
            },
        )

    def permuted(self, axes: tuple[int, ...]) -> Operator:
        """The same on transposed tensors; a summand of lower rank is widened with ones first."""
        rank = len(axes)
        a, b = (
            dataclasses.replace(t, shape=(1,) * (rank - len(t.shape)) + t.shape).permuted(axes)
            for t in (self.a, self.b)
        )
        return dataclasses.replace(self, a=a, b=b, y=self.y.permuted(axes))

    @rule(allowed="one exponent for both inputs and the output", fix="requantize the inputs")
    def exponents_are_equal(self, chip: Chip) -> str | None:
        """Both inputs and the output have the same exponent, for the kernel reads none of them."""
        exponents = (self.a.exponent, self.b.exponent, self.y.exponent)
        return None if len(set(exponents)) == 1 else f"exponents {exponents}"

    @rule(allowed="up to 4 dimensions after merging", fix="reshape the inputs")
    def merged_rank_fits(self, chip: Chip) -> str | None:
        """After merging neighbouring dimensions that broadcast alike, at most 4 are left."""
        rank = strides_of(self.a.shape, self.b.shape, self.y.shape)["rank"]
        return None if int(str(rank)) <= 4 else f"{rank} dimensions"
