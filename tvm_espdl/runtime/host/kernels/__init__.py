"""The host kernels of operators that are not ordinary, each found by the name of its operator.

A module here has one function `kernel(operator, chip, constants)` and never runs anything itself.
What an ordinary operator declares becomes a kernel in `declared`.
"""

from __future__ import annotations

import importlib

from ....chips import Chip
from ....ops import Operator
from ....ops.base.rounding import Array
from ..declared import declared_kernel
from ..kernel import HostKernel


def kernel_of(operator: Operator, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of an operator with these constants, in the order of `operator.constants`."""
    if operator.derives_kernels():
        return declared_kernel(operator, chip)
    module = importlib.import_module(f"{__package__}.{operator.name}")
    result: HostKernel = module.kernel(operator, chip, constants)
    return result
