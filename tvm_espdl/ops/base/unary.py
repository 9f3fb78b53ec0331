"""Bases of the operators with one input. None is an operator of its own."""

from __future__ import annotations

from ...chips import Chip
from .operator import Operator, Tensor, rule

# Floats are only moved, between parts of a network that run in float.
KERNEL_TYPES = ("int8", "int16", "float32")


class Unary(Operator):
    """One tensor in, one tensor out.

    Attributes
    ----------
    x, y : Tensor
        Input and output.
    """

    x: Tensor
    y: Tensor


class OneType(Unary):
    """A `Unary` whose kernel reads and writes one type."""

    @rule(allowed="one type for both", fix="quantize the output like the input")
    def types_are_equal(self, chip: Chip) -> str | None:
        """Input and output have the same type, int8 or int16."""
        same = self.x.dtype == self.y.dtype and self.x.dtype in KERNEL_TYPES
        return None if same else f"{self.x.dtype} and {self.y.dtype}"


class OneInteger(OneType):
    """A `Unary` whose kernel reads and writes one integer type."""

    @rule(allowed="int8 for both, or int16 for both", fix="quantize the output like the input")
    def types_are_equal(self, chip: Chip) -> str | None:
        """Input and output have one type, int8 or int16."""
        fits = self.x.dtype == self.y.dtype and self.x.dtype in ("int8", "int16")
        return None if fits else f"{self.x.dtype} and {self.y.dtype}"


class SameExponent(Unary):
    """A `Unary` that computes on the integers as they are and reads no exponent."""

    @rule(
        allowed="one exponent for input and output",
        fix="requantize the output",
        otherwise="followed",
    )
    def exponents_are_equal(self, chip: Chip) -> str | None:
        """Input and output have the same exponent, for the kernel reads neither."""
        if self.x.exponent == self.y.exponent:
            return None
        return f"exponents {self.x.exponent} and {self.y.exponent}"


class Moved(SameExponent, OneType):
    """Elements move and never change: one tensor in, the same elements out."""


class MovedIntegers(SameExponent, OneInteger):
    """The same, of int8 or int16 only."""


class Elementwise(Unary):
    """A `Unary` that treats each element alike, so that any layout will do."""

    def permuted(self, axes: tuple[int, ...]) -> Operator:
        """The same on transposed tensors."""
        return self.transposed(axes)
