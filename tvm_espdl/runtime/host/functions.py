"""Pieces that float functions of host kernels share.

The exponential is evaluated in double precision and rounded once, as `ops.base.function` says.
LLVM may fuse a product with a sum that reads it: `rounded` stands between the two.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from .kernel import Expression

FLOAT32_MAX = 3.4028234663852886e38


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
