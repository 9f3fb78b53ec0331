"""Base of the recurrent layers: their tensors, what they keep to, how C calls them.

No operator of its own: what happens in a step is said in `gru` and `lstm`.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from ...chips import Chip
from .ccall import FieldValue
from .gates import in_vectors, sigmoid_table, tanh_table
from .operator import Operator, Tensor, rule
from .rounding import Array, power_of_two

ALL = "all"
LAST = "last"
CELLS = "cells"
SHIFTS = range(-30, 31)
GATE_EXPONENTS = range(-12, 1)


class Recurrent(Operator):
    """A layer that goes through a sequence of vectors, forward, or forward and backward.

    Everything behind the dot products is float32. A compiler that fuses products and sums can
    make the chip differ by one step.

    Attributes
    ----------
    x : Tensor
        Input, `steps` vectors of `input_size`, int8 or int16, in any shape of so many elements.
    h : Tensor
        Hidden states before the first step, `(directions, 1, hidden_size)`, type of x.
    w, r : Tensor
        Weights, `(directions, gates * hidden_size, input_size)` of the inputs and `(directions,
        gates * hidden_size, hidden_size)` of the hidden states, type of x, one exponent each.
    b : Tensor
        Biases, `(directions, 2 * gates * hidden_size)`: those of w, then those of r; int16. Its
        exponent is that of the gates.
    y : Tensor
        The result.
    gives : str
        What the result is: `all` hidden states, `(steps, directions, 1, hidden_size)`, the `last`
        ones, `(directions, 1, hidden_size)`, or the last `cells`, int16 at the gates' exponent.
    """

    x: Tensor
    h: Tensor
    w: Tensor
    r: Tensor
    b: Tensor
    y: Tensor
    gives: str = ALL

    family: ClassVar[str] = "recurrent"
    gates: ClassVar[int] = 0
    descriptor = "espdl_recurrent_t"
    input_fields = ("x", "h")
    constant_fields = ("w", "r", "b")

    @property
    def directions(self) -> int:
        """1, or 2 for a layer that also runs backward."""
        return self.w.shape[0]

    @property
    def input_size(self) -> int:
        """Elements of a vector of the sequence."""
        return self.w.shape[2]

    @property
    def hidden_size(self) -> int:
        """Elements of a hidden state."""
        return self.r.shape[2]

    @property
    def steps(self) -> int:
        """Length of the sequence."""
        return self.x.size // self.input_size

    @property
    def gate_exponent(self) -> int:
        """Exponent of the sums that the gates are functions of."""
        return self.b.uniform_exponent

    @property
    def w_shift(self) -> int:
        """Right shift of a dot product of weights and input."""
        return self.gate_exponent - self.x.uniform_exponent - self.w.uniform_exponent

    @property
    def r_shift(self) -> int:
        """Right shift of a dot product of weights and hidden state."""
        return self.gate_exponent - self.h.uniform_exponent - self.r.uniform_exponent

    @property
    def hidden_scale(self) -> np.float32:
        """From real numbers to a hidden state's integers."""
        return power_of_two(-self.h.uniform_exponent)

    @property
    def tables(self) -> tuple[Array, Array]:
        """Sigmoid and tanh at the gates' exponent."""
        return sigmoid_table(self.gate_exponent), tanh_table(self.gate_exponent)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the dot products."""
        rows = self.directions * self.gates * self.hidden_size
        return self.steps * rows * (self.input_size + self.hidden_size)

    def workspace_bytes(self, chip: Chip) -> int:
        """Sums of all gates from both sides, int16; a hidden state of the data's type."""
        return self.hidden_size * (4 * self.gates + np.dtype(self.x.dtype).itemsize)

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """Sizes, shifts, scales, and which sums are shifted as integers."""
        sides = ((self.input_size, self.w_shift), (self.hidden_size, self.r_shift))
        integers = [int(in_vectors(chip, self.x.dtype, *side)) for side in sides]
        sigmoid, tanh = self.tables
        return {
            "steps": self.steps,
            "directions": self.directions,
            "input_size": self.input_size,
            "hidden_size": self.hidden_size,
            "w_shift": self.w_shift,
            "r_shift": self.r_shift,
            "w_integers": integers[0],
            "r_integers": integers[1],
            "gives": (ALL, LAST, CELLS).index(self.gives),
            "hidden_scale": float(self.hidden_scale),
            "cell_scale": float(power_of_two(-self.gate_exponent)),
            "sigmoid_last": sigmoid.size - 1,
            "tanh_last": tanh.size - 1,
            "half_even": int(chip.rounding == "half_even"),
        }

    def arrays(self, *constants: Array) -> dict[str, Array]:
        """Weights and biases, and both tables."""
        flat = (array.ravel() for array in constants)
        return dict(zip(("w", "r", "b", "sigmoid", "tanh"), (*flat, *self.tables), strict=True))

    @rule(allowed="int8 or int16 for all, int16 biases", fix="quantize all of them alike")
    def types_fit(self, chip: Chip) -> str | None:
        """Input, weights and hidden states have one type, int8 or int16; biases are int16."""
        types = {t.dtype for t in (self.x, self.h, self.w, self.r)}
        result = "int16" if self.gives == CELLS else self.x.dtype
        fits = types in ({"int8"}, {"int16"}) and (self.b.dtype, self.y.dtype) == ("int16", result)
        return None if fits else f"types {sorted(types)}, {self.b.dtype} and {self.y.dtype}"

    @rule(allowed="one exponent", fix="quantize per tensor")
    def weights_have_one_exponent(self, chip: Chip) -> str | None:
        """Weights and biases of a recurrent layer have one exponent for all channels."""
        counts = [len(t.exponent) for t in self.constants if isinstance(t.exponent, tuple)]
        return f"{counts[0]} exponents" if counts else None

    @rule(allowed="one exponent for both", fix="quantize both alike")
    def states_keep_their_exponent(self, chip: Chip) -> str | None:
        """Initial hidden states and the result have one exponent; cells have that of the gates.

        ESP-DL copies the ones into the others as they are.
        """
        wanted = self.b.exponent if self.gives == CELLS else self.h.exponent
        return None if self.y.exponent == wanted else f"{wanted} and {self.y.exponent}"

    @rule(allowed="-12 to 0, ESP-PPQ's is -9", fix="quantize the biases at 2**-9")
    def gate_exponent_is_usual(self, chip: Chip) -> str | None:
        """The gates' exponent, which is that of the biases, gives tables that fit the chip."""
        uniform = isinstance(self.b.exponent, int)
        return f"{self.b.exponent}" if uniform and self.b.exponent not in GATE_EXPONENTS else None

    @rule(allowed="shifts of -30 to 30", fix="choose exponents closer to each other")
    def shifts_fit(self, chip: Chip) -> str | None:
        """Sums of products are shifted by at most 30 bits, and states have exponents so small."""
        if not all(isinstance(t.exponent, int) for t in (*self.inputs, *self.constants)):
            return None
        numbers = self.w_shift, self.r_shift, self.h.uniform_exponent
        return None if all(n in SHIFTS for n in numbers) else f"shifts {numbers[:2]}, {numbers[2]}"

    @rule(allowed="sums within 32 bits", fix="use int8, or a smaller layer")
    def sums_fit(self, chip: Chip) -> str | None:
        """No sum of products leaves the register it is made in, and none its result.

        The vector unit adds up in 40 bits and gives 32; the plain code adds int8 up in 32 bits.
        What happens beyond is not established.
        """
        if not all(isinstance(t.exponent, int) for t in (*self.inputs, *self.constants)):
            return None
        sides = ((self.input_size, self.w_shift), (self.hidden_size, self.r_shift))
        product = np.iinfo(self.x.dtype).min ** 2
        for length, shift in sides:
            most = length * product
            vector = in_vectors(chip, self.x.dtype, length, shift)
            wide = vector and (most >= 1 << 39 or most >> shift >= 1 << 31)
            if wide or (self.x.dtype == "int8" and most >= 1 << 31):
                return f"up to {length} products, {math.ceil(math.log2(most)) + 1} bits"
        return None
