"""The host kernels, each found by the class of its operator, or of one that this derives from.

A module here is named after a family of `ops.base.families`. It has functions
`(operator, chip, *constants)` and a table `KERNELS` of them; it never runs anything itself. What an
operator declares becomes a kernel in `declared`.
"""

from __future__ import annotations

from ....chips import Chip
from ....ops import Operator
from ....ops.base.rounding import Array
from ..kernel import HostKernel, Kernels
from . import (
    activation,
    conversion,
    declared,
    movement,
    normalization,
    placement,
    product,
    recurrent,
    weighted,
    window,
)

KERNELS: Kernels = {
    **activation.KERNELS,
    **conversion.KERNELS,
    **declared.KERNELS,
    **movement.KERNELS,
    **normalization.KERNELS,
    **placement.KERNELS,
    **product.KERNELS,
    **recurrent.KERNELS,
    **weighted.KERNELS,
    **window.KERNELS,
}


def kernel_of(operator: Operator, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of an operator with these constants, in the order of `operator.constants`."""
    for kind in type(operator).__mro__:
        if kind in KERNELS:
            return KERNELS[kind](operator, chip, *constants)
    raise TypeError(f"no host kernel of {operator.name}")
