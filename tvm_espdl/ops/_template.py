"""example: what it does to its input, in one line; copy this file to `ops/<name>.py`.

CONTRIBUTING.md lists the five other places of an operator. This file itself registers nothing,
because its operator has no name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..chips import Chip
from .base.ccall import CCall
from .base.operator import rule
from .base.rounding import Array
from .base.unary import Elementwise, OneType, suffix


@dataclass(frozen=True)
class Example(OneType, Elementwise):
    """`y = max(x, limit)`: the formula, with every rounding and saturation in it.

    Attributes
    ----------
    limit : int
        A field of its own, with its unit: here an integer at the exponent of x.
    """

    limit: int = 0

    name: ClassVar[str] = ""  # the name of this file registers the operator

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: the file of ESP-DL that says so; ask `chip` where chips differ."""
        return np.maximum(arrays[0], np.array(self.limit, self.x.dtype))

    def call(self, chip: Chip, *constants: Array) -> CCall:
        """`espdl_example_s8` or `_s16`, in `runtime/c/espdl_example.c`."""
        return CCall(
            function=f"espdl_example_{suffix(self.x)}",
            descriptor="espdl_example_t",
            fields={"size": self.y.size, "limit": self.limit},
        )

    @rule(allowed="one exponent for input and output", fix="requantize the output")
    def exponents_are_equal(self, chip: Chip) -> str | None:
        """Input and output have the same exponent, for the kernel reads neither."""
        if self.x.exponent == self.y.exponent:
            return None
        return f"exponents {self.x.exponent} and {self.y.exponent}"
