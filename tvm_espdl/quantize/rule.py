"""What the rule of an operator type says. The table of all rules is in `rules`.

Must never hold numbers of a network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "filter",
    "product",
    "own",
    "share",
    "clip",
    "align",
    "float_output",
    "bias",
    "compare",
    "recurrent",
]


@dataclass(frozen=True)
class Rule:
    """How one operator type is quantized."""

    #: `filter`: constant weights with their own exponent, the output with its own.
    #: `product`: two data inputs whose exponents add up; the output has its own.
    #: `own`: the output has its own exponent.
    #: `share`: the outputs have the exponent of the input, which is moved or selected from.
    #: `clip`: like `share`, and values outside the limits need no room in the input's range.
    #: `align`: all inputs and the output have one exponent.
    #: `float_output`: the input is quantized, the output is float.
    #: `bias`: the Add of a constant vector after a matrix product, part of that product.
    #: `compare`: both inputs have one exponent, the output is bool.
    #: `recurrent`: constant weights with their own exponents, hidden states with one exponent,
    #: biases and cells in int16 at the exponent of the gates.
    kind: Kind
    #: How many of the first inputs are data, or which ones; None: all. The others stay as they are.
    data_inputs: int | tuple[int, ...] | None = 1
    #: Whether it only moves or compares values: it is quantized only beside a quantized operator.
    moves: bool = False
    takes_relu: bool = False  #: Whether the same kernel computes a Relu right after it.

    @property
    def gives_integers(self) -> bool:
        """Whether the outputs are quantized."""
        return self.kind not in ("float_output", "compare")
