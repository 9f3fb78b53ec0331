"""The logarithm that ends two reductions, as a TIR expression with the bits of the reference.

It sums nothing, and no logarithm of a number that has none is ever taken.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ...chips import Chip
from ...ops.base.reduction import Reduction
from .arithmetic import round_float
from .kernel import Expression

BEYOND = 1.0e30


def logarithm(real: Expression, operator: Reduction, chip: Chip) -> Expression:
    """`saturate(round(log(real) * 2**-oe))`; 0 gives the smallest integer, less the largest."""
    positive = T.Select(real > T.float32(0), real, T.float32(1))
    value = T.cast(T.log(T.cast(positive, "float64")), "float32")
    without = T.Select(real < T.float32(0), T.float32(BEYOND), T.float32(-BEYOND))
    value = T.Select(real > T.float32(0), value, without)
    scale = T.float32(float(operator.output_scale))
    return round_float(value * scale, operator.y.dtype, chip)
