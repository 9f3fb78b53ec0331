"""The pattern table: from quantize/dequantize forms to operator records.

A family of `ops.base.families` is a file here with a function `patterns()`. Patterns that span more
calls are tried before shorter ones, so that nothing is left over that a larger operator could take.
"""

from __future__ import annotations

from functools import cache

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
from .match import Match, Pattern

__all__ = ["Match", "Pattern", "composite_name", "table"]

PREFIX = "espdl."

# From the least to the most greedy, the order that TVM's registry wants.
_FAMILIES = (
    conversion,
    movement,
    placement,
    declared,
    activation,
    window,
    normalization,
    recurrent,
    product,
    weighted,
)


@cache
def table() -> tuple[Pattern, ...]:
    """All entries, those with the highest priority last."""
    return tuple(pattern for family in _FAMILIES for pattern in family.patterns())


def composite_name(operator: str) -> str:
    """The name of an operator's composite function."""
    return PREFIX + operator
