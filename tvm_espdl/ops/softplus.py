"""softplus: a smooth form of ReLU; on the chip always a table.

ESP-DL has no formula for it, so this is a function for `lut` to tabulate, not an operator.
"""

from __future__ import annotations

import numpy as np

from .base import Array, FloatFunction, Form


class Softplus(FloatFunction):
    """`f(x) = log(1 + exp(x))`."""

    function = "softplus"
    form = Form("Softplus", "nn.softplus", "own", None)

    def exact(self, real: Array) -> Array:
        """In double precision."""
        return np.logaddexp(0.0, real)
