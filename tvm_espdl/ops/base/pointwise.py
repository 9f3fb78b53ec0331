"""Family of the functions of one integer. No operator of its own.

An operator of it states its formula three times, for NumPy, for the host's TIR and in C; loops,
types and saturation are the family's.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...chips import Chip
from .builder import Builder, Expression
from .ccall import FieldValue
from .rounding import Array, saturate
from .unary import Elementwise, OneType


class Pointwise(OneType, Elementwise):
    """`y = saturate(f(v))` of each integer v of x.

    Attributes
    ----------
    c : str
        f of `int32_t v`, as an `int32_t`; what `parameters` names is a member of `d`.
    """

    family: ClassVar[str] = "declared"
    header: ClassVar[str] = "pointwise"
    in_place = (0,)

    def formula(self, v: Array) -> Array:
        """F in NumPy, int64 in and out."""
        raise NotImplementedError

    def host(self, v: Expression, op: Builder) -> Expression:
        """F in TIR, int32 in and out."""
        raise NotImplementedError

    def parameters(self, chip: Chip) -> dict[str, FieldValue]:
        """Numbers that the C formula reads, by name."""
        return {}

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """`formula`, saturated."""
        return saturate(self.formula(arrays[0].astype(np.int64)), self.y.dtype)

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """The size and the parameters."""
        return {"size": self.y.size, **self.parameters(chip)}
