"""The host kernels, one file per operator, each found by the name of its operator.

A module here has one function `kernel(operator, chip, constants)` and never runs anything itself.
"""

from __future__ import annotations

import importlib

from ....chips import Chip
from ....ops import Operator
from ....ops.base.rounding import Array
from ..kernel import HostKernel


def kernel_of(operator: Operator, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of an operator with these constants, in the order of `operator.constants`."""
    module = importlib.import_module(f"{__package__}.{operator.name}")
    result: HostKernel = module.kernel(operator, chip, constants)
    return result
