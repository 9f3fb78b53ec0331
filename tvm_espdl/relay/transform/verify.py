"""States what must hold for a module after each pass, and names pass, node and rule when it fails.

A failure here is a mistake of this package, never of the user.
"""

from __future__ import annotations

import tvm
from tvm import relax

from ...program.passes import InvariantError
from ..ir import is_plain_dataflow, main_of
from .canonicalize import shared_dequantizes

__all__ = ["InvariantError", "verify"]


def verify(mod: tvm.IRModule, stage: str) -> tvm.IRModule:
    """Check the invariants of a canonical module; it is returned as it came.

    What operators must keep to is stated by `program.passes.verify`, of the program.

    Parameters
    ----------
    stage : str
        What has just run.

    Raises
    ------
    InvariantError
        Naming stage, node and rule.
    """
    relax.analysis.well_formed(mod)
    main = main_of(mod)
    if is_plain_dataflow(main):
        for variable in shared_dequantizes(main):
            raise InvariantError(stage, str(variable.name), "a dequantize call has one user")
    return mod
