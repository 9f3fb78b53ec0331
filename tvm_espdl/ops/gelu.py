"""gelu: each value times the normal distribution up to it; on the chip always a table.

ESP-DL has no formula for it, so this is a function for `lut` to tabulate, not an operator.
"""

from __future__ import annotations

import math

import numpy as np

from .base import Array, FloatFunction, Form

_erf = np.vectorize(math.erf, otypes=[np.float64])


class Gelu(FloatFunction):
    """`f(x) = x * (1 + erf(x / sqrt(2))) / 2`, or its approximation by tanh.

    Attributes
    ----------
    approximate : bool
        Whether it is the approximation.
    """

    approximate: bool = False

    function = "gelu"
    form = Form("Gelu", "nn.gelu", "own", "Gelu")

    def exact(self, real: Array) -> Array:
        """In double precision."""
        if self.approximate:
            inner = math.sqrt(2.0 / math.pi) * (real + 0.044715 * real**3)
            return 0.5 * real * (1.0 + np.tanh(inner))
        return 0.5 * real * (1.0 + _erf(real / math.sqrt(2.0)))
