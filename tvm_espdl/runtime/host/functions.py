"""Float functions of host kernels: the loop around them, and the pieces that they share.

The exponential is evaluated in double precision and rounded once, as `ops.float_function` says.
LLVM may fuse a product with a sum that reads it: `rounded` stands between the two.
"""

from __future__ import annotations

from collections.abc import Callable

from tvm.tirx.script import builder as T

from ...chips import Chip
from ...ops.base.float_function import FloatFunction
from .arithmetic import power_of_two, round_float
from .kernel import Expression, HostKernel, elementwise

FLOAT32_MAX = 3.4028234663852886e38


def float_function(
    operator: FloatFunction, chip: Chip, formula: Callable[[Expression], Expression]
) -> HostKernel:
    """The kernel of a function of real numbers, float32 in and out."""
    x, y = operator.x, operator.y

    def compute(value: Expression) -> Expression:
        real = T.cast(value, "float32") * power_of_two(x.uniform_exponent)
        return round_float(formula(real) * power_of_two(-y.uniform_exponent), y.dtype, chip)

    return elementwise(x, y, compute)


def exponential(real: Expression) -> Expression:
    """`expf`, correctly rounded."""
    return T.cast(T.exp(T.cast(real, "float64")), "float32")


def logistic(real: Expression) -> Expression:
    """`float(1.0 / (1.0 + expf(-x)))`, the division in double precision."""
    one = T.float64(1.0)
    power = T.cast(exponential(T.float32(0.0) - real), "float64")
    return T.cast(one / (one + power), "float32")


def rounded(product: Expression) -> Expression:
    """The same finite number, which no operation that reads it can be fused with."""
    largest = T.cast(T.float32(FLOAT32_MAX), product.ty.dtype)
    return T.Select(product < largest, product, largest)


def between_zero_and_one(value: Expression) -> Expression:
    """A number limited to 0 to 1."""
    zero, one = (T.cast(T.float32(limit), value.ty.dtype) for limit in (0.0, 1.0))
    below_one = T.Select(value < one, value, one)
    return T.Select(below_one > zero, below_one, zero)
