"""div: element-wise quotient with broadcasting; any exponents."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import Broadcast, Builder, Expression, FieldValue, Form, ShiftedScales, Tensor, rule
from .base.rounding import Array, power_of_two, round_float, saturate


class Div(ShiftedScales, Broadcast):
    """`y = saturate(round(a * r / b))` with `r = 2**(ae - be - oe)`, in float32.

    A divisor that is repeated along the innermost run is divided by first, `a * (r / b)`, which
    rounds differently. Zero divided by anything is zero; anything else divided by zero is the
    largest or smallest integer.

    Attributes
    ----------
    a_is_constant, b_is_constant : bool
        Whether the operand is known when the model is built.
    """

    a_is_constant: bool = False
    b_is_constant: bool = False

    name = "div"
    form = Form(onnx="Div", relax="divide", exponents="own", espdl="Div")
    c = """
    if (b == 0) {
      return a > 0 ? INT32_MAX : a < 0 ? INT32_MIN : d->zero_by_zero;
    }
    const float x = (float)a, z = (float)b;
    return espdl_round(d->divides_first ? x * (d->ratio / z) : x * d->ratio / z, d->half_even);
    """

    @classmethod
    def made(
        cls, a: Tensor, b: Tensor, y: Tensor, *, relu: bool, known: tuple[bool, bool]
    ) -> Broadcast:
        """The record, which remembers what is constant."""
        return cls(a, b, y, *known)

    @property
    def ratio(self) -> np.float32:
        """The factor from the quotient of two integers to the output's integers."""
        exponents = self.a.uniform_exponent - self.b.uniform_exponent
        return power_of_two(exponents - self.y.uniform_exponent)

    @property
    def divides_first(self) -> bool:
        """Whether `r / b` is rounded before it is multiplied with a."""
        if self.y.size == 1:  # one of both: the int8 kernel looks at a first, the int16 one at b
            return self.y.dtype == "int16"
        return self.innermost[2]

    @property
    def zero_by_zero(self) -> int:
        """The result of 0 / 0: the int8 table of a single dividend takes it for negative."""
        return -128 if self.a.size == 1 and self.y.dtype == "int8" else 0

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/base/dl_base_div.cpp`, its tables included."""
        a, b = np.broadcast_arrays(*(array.astype(np.float32) for array in arrays))
        with np.errstate(all="ignore"):
            quotient = a * (self.ratio / b) if self.divides_first else a * self.ratio / b
        y = saturate(round_float(quotient, chip), self.y.dtype)
        limits = np.iinfo(self.y.dtype)
        by_zero = np.where(a > 0, limits.max, np.where(a < 0, limits.min, self.zero_by_zero))
        y = np.where(b == 0, by_zero, y).astype(self.y.dtype)
        return np.ascontiguousarray(y.reshape(self.y.shape))

    def host(self, a: Expression, b: Expression, op: Builder) -> Expression:
        """In TIR; nothing is ever divided by zero."""
        ratio, dividend = op.real(float(self.ratio)), op.cast(a, "float32")
        divisor = op.select(b == 0, op.real(1.0), op.cast(b, "float32"))
        first = self.divides_first
        quotient = dividend * (ratio / divisor) if first else dividend * ratio / divisor
        limits = np.iinfo(self.y.dtype)
        positive, negative = (op.integer(int(n)) for n in (limits.max, limits.min))
        neither = op.integer(self.zero_by_zero)
        by_zero = op.select(a > 0, positive, op.select(a < 0, negative, neither))
        return op.select(b == 0, by_zero, op.rounded(quotient))

    def parameters(self, chip: Chip) -> dict[str, FieldValue]:
        """The ratio, and what depends on shapes."""
        return {
            "ratio": float(self.ratio),
            "divides_first": int(self.divides_first),
            "zero_by_zero": self.zero_by_zero,
            "half_even": int(chip.rounding == "half_even"),
        }

    @rule(
        allowed="a constant",
        fix="multiply with the reciprocal, or repeat the operand",
        otherwise="portable",
    )
    def single_operand_is_constant(self, chip: Chip) -> str | None:
        """An int8 operand of one element is a constant.

        ESP-DL makes a table from it in the first inference and never again.
        """
        if self.y.dtype != "int8":
            return None
        if self.a.size == 1:
            return None if self.a_is_constant else "a computed dividend of one element"
        if self.b.size == 1 and not self.b_is_constant:
            return "a computed divisor of one element"
        return None
