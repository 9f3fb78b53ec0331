"""softplus: a smooth form of ReLU; on the chip always a table.

ESP-DL has no formula for it, so this is a function for `lut` to tabulate, not an operator.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .base.form import Form
from .base.function import FloatFunction
from .base.rounding import Array


@dataclass(frozen=True)
class Softplus(FloatFunction):
    """`f(x) = log(1 + exp(x))`."""

    function = "softplus"
    form = Form("Softplus", "nn.softplus", "own", None)

    def exact(self, real: Array) -> Array:
        """In double precision."""
        return np.logaddexp(0.0, real)
