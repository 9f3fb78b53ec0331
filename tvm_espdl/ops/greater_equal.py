"""greater_equal: where one value is not below another, element by element with broadcasting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .base.comparison import Comparison


@dataclass(frozen=True)
class GreaterEqual(Comparison):
    """`y = a >= b` on the integers as they are, of type bool."""

    name: ClassVar[str] = "greater_equal"
    compare = np.greater_equal
