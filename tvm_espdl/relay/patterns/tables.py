"""The entry of a function of each element, which is a table for int8.

Which functions there are, and what calls make them, is said in the files beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tvm.relax.dpl import DFPattern

from ...chips import Chip
from ...ops import Operator, Refusal
from ...ops.base.function import FloatFunction
from ...ops.base.rounding import Array
from ...ops.lut import table_of, tabulated
from .dataflow import quantized
from .match import Match, Pattern


def function(
    operator: str,
    call: DFPattern,
    roles: dict[str, DFPattern],
    make: Callable[[Match], Any],
    form: str = "",
) -> Pattern:
    """The entry of a function that is a table for int8: `make` gives it, or a refusal."""

    def build(match: Match) -> Operator | Refusal:
        made: FloatFunction | Refusal = make(match)
        if isinstance(made, Refusal) or not made.has_table:
            return made
        return tabulated(made)

    def constants(match: Match, chip: Chip) -> tuple[Array, ...]:
        made: FloatFunction | Refusal = make(match)
        if isinstance(made, Refusal) or not made.has_table:
            return ()
        return (table_of(made, chip),)

    return Pattern(operator, quantized(call), roles, build, constants=constants, form=form)
