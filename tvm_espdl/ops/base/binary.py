"""Base of the operators that combine two broadcast inputs element by element. No operator itself.

It knows shapes and how to walk them; what is computed from two elements is the operator's.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ...chips import Chip
from .broadcast import MAX_RANK, merged, strides_of
from .ccall import FieldValue
from .operator import Operator, Tensor, rule


@dataclass(frozen=True)
class Binary(Operator):
    """Two tensors in, one tensor out.

    Attributes
    ----------
    a, b, y : Tensor
        int8 or int16, one type; a and b broadcast to y.
    """

    a: Tensor
    b: Tensor
    y: Tensor

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Both operands."""
        return (self.a, self.b)

    @property
    def output(self) -> Tensor:
        """The result."""
        return self.y

    @property
    def innermost(self) -> tuple[int, bool, bool]:
        """The innermost merged run: its length, and whether a or b is repeated along it."""
        return merged(self.a.shape, self.b.shape, self.y.shape)[-1]

    def walk(self) -> dict[str, FieldValue]:
        """The descriptor's members that say how the inputs are broadcast."""
        return strides_of(self.a.shape, self.b.shape, self.y.shape)

    def permuted(self, axes: tuple[int, ...]) -> Operator:
        """The same on transposed tensors; an operand of lower rank is widened with ones first."""
        rank = len(axes)
        a, b = (
            dataclasses.replace(t, shape=(1,) * (rank - len(t.shape)) + t.shape).permuted(axes)
            for t in (self.a, self.b)
        )
        return dataclasses.replace(self, a=a, b=b, y=self.y.permuted(axes))

    @rule(allowed=f"up to {MAX_RANK} dimensions after merging", fix="reshape the inputs")
    def merged_rank_fits(self, chip: Chip) -> str | None:
        """After merging neighbouring dimensions that broadcast alike, at most 4 are left."""
        rank = len(merged(self.a.shape, self.b.shape, self.y.shape))
        return None if rank <= MAX_RANK else f"{rank} dimensions"

    @rule(allowed="int8 for all three, or int16", fix="requantize the inputs")
    def types_are_equal(self, chip: Chip) -> str | None:
        """Both inputs and the output have the same type, int8 or int16."""
        types = {self.a.dtype, self.b.dtype, self.y.dtype}
        return None if types in ({"int8"}, {"int16"}) else ", ".join(sorted(types))


@dataclass(frozen=True)
class RawBinary(Binary):
    """A `Binary` that computes on the integers as they are and reads no exponent."""

    @rule(allowed="one exponent for both inputs and the output", fix="requantize the inputs")
    def exponents_are_equal(self, chip: Chip) -> str | None:
        """Both inputs and the output have the same exponent, for the kernel reads none of them."""
        exponents = (self.a.exponent, self.b.exponent, self.y.exponent)
        return None if len(set(exponents)) == 1 else f"exponents {exponents}"
