"""reduce_max: the largest element along some axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..chips import Chip
from .base.reduction import Extreme
from .base.rounding import Array


@dataclass(frozen=True)
class ReduceMax(Extreme):
    """`y = max(x)`."""

    name: ClassVar[str] = "reduce_max"

    def combined(self, lines: Array, chip: Chip) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_reduce_max.hpp`."""
        return lines.max(axis=0)
