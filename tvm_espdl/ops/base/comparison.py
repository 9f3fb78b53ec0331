"""Family of the operators that compare two broadcast inputs. No operator of its own.

The result is of type bool, one byte of 0 or 1 for each element, as ESP-DL has it.
"""

from __future__ import annotations

from typing import ClassVar

from ...chips import Chip
from .broadcast import Broadcast
from .builder import Builder, Expression
from .ccall import FieldValue
from .operator import Operator, rule
from .rounding import Array


class Comparison(Broadcast):
    """`y = compare(a, b)` on the integers as they are.

    Attributes
    ----------
    c : str
        The comparison of the integers `a` and `b`.
    """

    header: ClassVar[str] = "comparison"
    descriptor = "espdl_binary_t"
    has_vector_kernel = True

    def formula(self, a: Array, b: Array) -> Array:
        """The comparison in NumPy, of arrays that are broadcast."""
        raise NotImplementedError

    def host(self, a: Expression, b: Expression, op: Builder) -> Expression:
        """The same in TIR."""
        raise NotImplementedError

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/base/dl_base_<name>.cpp` and `dl/base/isa`; exponents are not read."""
        return self.formula(arrays[0], arrays[1])

    @property
    def in_place(self) -> tuple[int, ...]:
        """No input, for the result is of another type."""
        return ()

    def parameters(self, chip: Chip) -> dict[str, FieldValue]:
        """No ReLU ever follows."""
        return {"relu": 0}

    def permuted(self, axes: tuple[int, ...]) -> Operator:
        """Never: the result stays in the model's layout, where TVM reads it."""
        raise NotImplementedError(f"{self.name} keeps the model's layout")

    @rule(allowed="int8 for both inputs, or int16; bool for the result", fix="quantize both alike")
    def types_are_equal(self, chip: Chip) -> str | None:
        """Both inputs have the same type, int8 or int16, and the result is of type bool."""
        types = (self.a.dtype, self.b.dtype, self.y.dtype)
        fits = types[0] == types[1] and types[0] in ("int8", "int16") and types[2] == "bool"
        return None if fits else ", ".join(types)

    @rule(
        allowed="one exponent for both inputs",
        fix="requantize one of the inputs",
        otherwise="followed",
    )
    def exponents_are_equal(self, chip: Chip) -> str | None:
        """Both inputs have the same exponent, for the kernel reads none of them."""
        if self.a.exponent == self.b.exponent:
            return None
        return f"exponents {self.a.exponent} and {self.b.exponent}"

    @rule(
        allowed="a repeated input with fewer bytes than the result",
        fix="compare in int8",
        otherwise="portable",
    )
    def repeated_input_survives(self, chip: Chip) -> str | None:
        """An input that is repeated has fewer bytes than the result.

        Otherwise ESP-DL puts the result where the input is, and overwrites what it reads again.
        """
        for tensor in self.inputs:
            if tensor.size < self.y.size and tensor.nbytes >= self.y.nbytes:
                return f"{tensor.nbytes} and {self.y.nbytes} bytes"
        return None
