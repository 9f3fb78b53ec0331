"""From golden cases to operator records: one file per family, as in `relay/patterns`.

Each file has a table `BUILDERS` from the index's name of an operator to a function that makes the
record of a case and names its arrays in the order of the call.
"""

from __future__ import annotations

from collections.abc import Callable

from ...ops import Operator
from ..golden import Case
from . import (
    activation,
    declared,
    elementwise,
    movement,
    pool,
    products,
    rearrangement,
    resize,
)

Built = tuple[Operator, list[str]]

BUILDERS: dict[str, Callable[[Case], Built]] = {
    **activation.BUILDERS,
    **declared.BUILDERS,
    **products.BUILDERS,
    **pool.BUILDERS,
    **elementwise.BUILDERS,
    **movement.BUILDERS,
    **rearrangement.BUILDERS,
    **resize.BUILDERS,
}


def operator_of(case: Case) -> tuple[Operator, list[str]] | None:
    """The record of a case and the names of its arrays in the order of the call.

    Returns None for an operator that this package does not have.
    """
    build = BUILDERS.get(case.operator)
    return None if build is None else build(case)
