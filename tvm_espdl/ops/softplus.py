"""softplus: a smooth form of ReLU; on the chip always a table.

ESP-DL has no formula for it, so this is a function for `lut` to tabulate, not an operator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .base.float_function import FloatFunction
from .base.rounding import Array


@dataclass(frozen=True)
class Softplus(FloatFunction):
    """`f(x) = log(1 + exp(x))`."""

    function: ClassVar[str] = "softplus"

    def exact(self, real: Array) -> Array:
        """In double precision."""
        return np.logaddexp(0.0, real)
