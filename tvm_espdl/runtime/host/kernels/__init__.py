"""The host kernels, each found by the class of its operator, or of its operator's family.

A module here has functions `(operator, chip, *constants)` and a table `KERNELS` of them; it never
runs anything itself. What an ordinary operator declares becomes a kernel in `declared`.
"""

from __future__ import annotations

from ....chips import Chip
from ....ops import Operator
from ....ops.base.rounding import Array
from .. import declared
from ..kernel import HostKernel, Kernels
from . import (
    convolution,
    matmul,
    movement,
    norm,
    number,
    pool,
    recurrent,
    reduction,
    resize,
    softmax,
)

KERNELS: Kernels = {
    **declared.KERNELS,
    **convolution.KERNELS,
    **matmul.KERNELS,
    **movement.KERNELS,
    **norm.KERNELS,
    **number.KERNELS,
    **pool.KERNELS,
    **recurrent.KERNELS,
    **reduction.KERNELS,
    **resize.KERNELS,
    **softmax.KERNELS,
}


def kernel_of(operator: Operator, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of an operator with these constants, in the order of `operator.constants`."""
    for kind in type(operator).__mro__:
        if kind in KERNELS:
            return KERNELS[kind](operator, chip, *constants)
    raise TypeError(f"no host kernel of {operator.name}")
