"""Base of the operators with one input and no constants. It is no operator of its own."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from .operator import Operator, Tensor


@dataclass(frozen=True)
class Unary(Operator):
    """One tensor in, one tensor out.

    Attributes
    ----------
    x, y : Tensor
        Input and output.
    """

    x: Tensor
    y: Tensor

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The input."""
        return (self.x,)

    @property
    def output(self) -> Tensor:
        """The result."""
        return self.y


@dataclass(frozen=True)
class Elementwise(Unary):
    """A `Unary` that treats each element alike, so that any layout will do."""

    def permuted(self, axes: tuple[int, ...]) -> Operator:
        """The same on transposed tensors."""
        return dataclasses.replace(self, x=self.x.permuted(axes), y=self.y.permuted(axes))


def suffix(tensor: Tensor) -> str:
    """Ending of a C kernel's name for the tensor's type: `s8`, `s16` or `f32`."""
    return {"int8": "s8", "int16": "s16", "float32": "f32"}[tensor.dtype]
