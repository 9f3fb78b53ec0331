"""reduce_min: the smallest element along some axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..chips import Chip
from .base.reduction import Extreme
from .base.rounding import Array


@dataclass(frozen=True)
class ReduceMin(Extreme):
    """`y = min(x)`."""

    name: ClassVar[str] = "reduce_min"

    def combined(self, lines: Array, chip: Chip) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_reduce_min.hpp`."""
        return lines.min(axis=0)
