"""lstm: a layer of long short-term memory, hidden states in the data's type, cells in int16."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import ALL, CELLS, LAST, Recurrent, Tensor
from .base.gates import dot_products, sigmoid_of, tanh_of, wrapped
from .base.rounding import Array, power_of_two, round_float, saturate


class Lstm(Recurrent):
    """`c = f * c + i * g`, `h = o * tanh(c)`: input i, output o, forget f, cell g.

    Rows of the weights are in ONNX's order i, o, f, g. A cell that leaves int16 wraps around.
    """

    name = "lstm"
    pointers = "void result"  # cells are int16
    gates = 4

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Sequence, initial hidden states, initial cells."""
        return (self.x, self.h, Tensor("int16", self.h.shape, self.b.exponent))

    def workspace_bytes(self, chip: Chip) -> int:
        """As for every recurrent layer, and a cell state of int16."""
        return super().workspace_bytes(chip) + 2 * self.hidden_size

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_lstm.hpp`."""
        x, initial, cells, w, r, b = arrays
        sequence = x.reshape(self.steps, self.input_size)
        y = np.empty((self.steps, self.directions, self.hidden_size), self.h.dtype)
        h, c = (array.reshape(self.directions, -1).copy() for array in (initial, cells))
        for d in range(self.directions):
            biases = b[d].astype(np.int64).reshape(2, -1)
            for t in range(self.steps)[:: -1 if d else 1]:
                from_x = dot_products(w[d], sequence[t], self.w_shift, chip)
                from_h = dot_products(r[d], h[d], self.r_shift, chip)
                sums = wrapped(from_x + biases[0] + from_h + biases[1])
                c[d], h[d] = self._step(sums, c[d], chip)
                y[t, d] = h[d]
        return {ALL: y, LAST: h, CELLS: c}[self.gives].reshape(self.y.shape)

    def _step(self, sums: Array, c: Array, chip: Chip) -> tuple[Array, Array]:
        sigmoid, tanh = self.tables
        at_i, at_o, at_f, at_g = sums.reshape(4, -1)
        i, o, f = (sigmoid_of(sigmoid, index) for index in (at_i, at_o, at_f))
        added = i * tanh_of(tanh, at_g) * power_of_two(-self.gate_exponent)
        cells = wrapped(round_float(f * c.astype(np.float32) + added, chip).astype(np.int64))
        real = o * tanh_of(tanh, cells) * self.hidden_scale
        return cells.astype(np.int16), saturate(round_float(real, chip), self.h.dtype)
