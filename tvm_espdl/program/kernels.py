"""Which kernel computes a call in an exported project: stated once, for C, metadata and reports.

Projects carry this package's portable C today; where they call ESP-DL's own kernels, this says
it.
"""

from __future__ import annotations

from typing import Literal, get_args

from ..chips import Chip
from ..ops import Operator
from .program import Step

#: ESP-DL's own, this package's portable C, or a function that TVM has lowered to C.
Kernel = Literal["esp-dl", "portable", "tvm"]
KERNELS: tuple[Kernel, ...] = get_args(Kernel)

#: Whose operator a call is, and so whose bits it gives: ESP-DL's, this package's, or TVM's.
Definer = Literal["ESP-DL", "tvm-espdl", "TVM"]
DEFINERS: tuple[Definer, ...] = get_args(Definer)


def kernel_of_step(step: Step, chip: Chip) -> Kernel:
    """The kernel that an exported project for `chip` calls; the same where it is a mere view."""
    del chip  # no call of ESP-DL's kernels is generated yet, on any chip
    return "portable" if isinstance(step.operator, Operator) else "tvm"


def definer_of_step(step: Step) -> Definer:
    """Whose operator it is. Where it is ESP-DL's, ESP-DL has a kernel for it."""
    if not isinstance(step.operator, Operator):
        return "TVM"
    return "ESP-DL" if is_in_espdl(step.operator) else "tvm-espdl"


def is_in_espdl(operator: Operator) -> bool:
    """Whether ESP-DL has the operator, as it declares itself."""
    return operator.in_esp_dl()
