"""less_equal: where one value is not above another, element by element with broadcasting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .base.comparison import Comparison


@dataclass(frozen=True)
class LessEqual(Comparison):
    """`y = a <= b` on the integers as they are, of type bool."""

    name: ClassVar[str] = "less_equal"
    compare = np.less_equal
