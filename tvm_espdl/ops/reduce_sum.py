"""reduce_sum: the sum along some axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base.exact_sum import ExactSum


@dataclass(frozen=True)
class ReduceSum(ExactSum):
    """`y = saturate(round(sum(x) >> (oe - xe)))`.

    Source: ESP-DL `dl/module/include/dl_module_reduce_sum.hpp`.
    """

    name: ClassVar[str] = "reduce_sum"
