"""Passes over the static program: each takes one and returns another, with the same outputs.

Contract: the program given is untouched, a second run changes nothing, `verify` holds afterwards.
"""

from __future__ import annotations

from collections.abc import Callable

from ..program import Program
from .fold_constants import fold_constants
from .fold_flattens import fold_flattens
from .verify import InvariantError, verify

__all__ = ["PASSES", "InvariantError", "run_passes", "verify"]

Pass = Callable[[Program], Program]

#: In the order in which they run.
PASSES: tuple[Pass, ...] = (fold_constants, fold_flattens)


def run_passes(program: Program, passes: tuple[Pass, ...] = PASSES) -> Program:
    """The program after all passes, verified before the first one and after each.

    Raises
    ------
    InvariantError
        If a pass, or what has made the program, has broken an invariant.
    """
    program = verify(program, "reading the network")
    for one in passes:
        after = one(program)
        program = after if after is program else verify(after, one.__name__)
    return program
