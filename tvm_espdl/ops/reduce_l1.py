"""reduce_l1: the sum of magnitudes along some axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .base.exact_sum import ExactSum
from .base.rounding import Array


@dataclass(frozen=True)
class ReduceL1(ExactSum):
    """`y = saturate(round(sum(|x|) >> (oe - xe)))`."""

    name: ClassVar[str] = "reduce_l1"

    def term(self, x: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_reduce_l1.hpp`."""
        return np.abs(x)
