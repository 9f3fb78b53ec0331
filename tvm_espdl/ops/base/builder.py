"""What an operator may use to state its host kernel: expressions of TIR, without knowing TVM.

`+ - * / >> & < == ...` work on expressions as in C, on two of one type. A `Builder` is handed to
`host`; it knows the chip's rounding and the type of the result.
"""

from __future__ import annotations

from typing import Any, Protocol

from ...chips import Chip

Expression = Any


class Builder(Protocol):
    """Makes expressions. Plain integers take the type of what they are combined with."""

    chip: Chip

    def cast(self, value: Expression, dtype: str) -> Expression:
        """Convert to a type; float to integer truncates."""

    def integer(self, value: int) -> Expression:
        """A constant of the result's type."""

    def real(self, value: float) -> Expression:
        """A float32 constant."""

    def double(self, value: float) -> Expression:
        """A float64 constant."""

    def min(self, a: Expression, b: Expression) -> Expression:
        """The smaller one."""

    def max(self, a: Expression, b: Expression) -> Expression:
        """The larger one."""

    def select(self, condition: Expression, yes: Expression, no: Expression) -> Expression:
        """One of two values; both are evaluated."""

    def limit(self, value: Expression, low: float, high: float) -> Expression:
        """A float limited to a range."""

    def separate(self, product: Expression) -> Expression:
        """The same finite float, which no sum that reads it can be fused with."""

    def exp(self, real: Expression) -> Expression:
        """`expf`, correctly rounded."""

    def log(self, real: Expression) -> Expression:
        """`logf`, correctly rounded; NaN of negative numbers."""

    def math(self, name: str, real: Expression) -> Expression:
        """Another function of math.h, such as `sin` or `erf`: in double, rounded once."""

    def sqrt(self, real: Expression) -> Expression:
        """`sqrtf`; NaN of negative numbers."""

    def pow(self, a: Expression, b: Expression) -> Expression:
        """`powf`, correctly rounded."""

    def fmod(self, a: Expression, b: Expression) -> Expression:
        """`fmodf`; b is not zero."""

    def logistic(self, real: Expression) -> Expression:
        """`float(1.0 / (1.0 + expf(-x)))`, the division in double precision."""

    def newton_root(self, real: Expression) -> Expression:
        """The root that `newton.newton_root` finds."""

    def rounded(self, real: Expression) -> Expression:
        """A float32 rounded as the chip does, saturated to the result's type."""

    def shifted(self, value: Expression, shift: int) -> Expression:
        """An integer shifted right and rounded as the chip does, saturated likewise."""
