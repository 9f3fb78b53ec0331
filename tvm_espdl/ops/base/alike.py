"""Bases of the operators whose tensors are all alike. None is an operator of its own."""

from __future__ import annotations

from ...chips import Chip
from .operator import Operator, rule


class AllOfOneType(Operator):
    """An operator whose inputs and result have one integer type."""

    @rule(allowed="int8 for all, or int16 for all", fix="quantize all alike")
    def types_are_equal(self, chip: Chip) -> str | None:
        """All inputs and the output have one type, int8 or int16."""
        types = sorted({tensor.dtype for tensor in (*self.inputs, self.output)})
        return None if types in (["int8"], ["int16"]) else ", ".join(types)


class AllOfOneExponent(Operator):
    """An operator that computes on the integers as they are and reads no exponent."""

    @rule(
        allowed="one exponent for all inputs and the output",
        fix="requantize the inputs",
        otherwise="followed",
    )
    def exponents_are_equal(self, chip: Chip) -> str | None:
        """All inputs and the output have the same exponent, for the kernel reads none of them."""
        exponents = [tensor.exponent for tensor in (*self.inputs, self.output)]
        return None if len(set(exponents)) == 1 else f"exponents {exponents}"
