"""From operators to nodes of a file: one file per family, each with its table.

Source of what a node means: ESP-DL `dl/module/include/dl_module_*.hpp`, `deserialize`; which nodes
there are: `dl_module_creator.hpp`. What the runtime does not register has no entry here.
"""

from __future__ import annotations

from .. import declared, tables
from ..step_view import Emitters, StepView
from . import (
    combined,
    elementwise,
    functions,
    matmul,
    movement,
    norm,
    placement,
    products,
    recurrent,
)

__all__ = ["EMITTERS", "StepView"]

EMITTERS: Emitters = {
    **declared.EMITTERS,
    **tables.EMITTERS,
    **combined.EMITTERS,
    **elementwise.EMITTERS,
    **functions.EMITTERS,
    **matmul.EMITTERS,
    **movement.EMITTERS,
    **norm.EMITTERS,
    **placement.EMITTERS,
    **products.EMITTERS,
    **recurrent.EMITTERS,
}
