"""gru: a layer of gated recurrent units, its reset gate behind the product."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import ALL, Recurrent
from .base.gates import dot_products, sigmoid_of, tanh_of, wrapped
from .base.rounding import Array, round_float, saturate


class Gru(Recurrent):
    """`h = (1 - z) * n + z * h`, `n = tanh(W x + r * (R h))`: update z, reset r, new n.

    That is ONNX's `linear_before_reset = 1`. Rows of the weights are in ONNX's order z, r, n.
    """

    name = "gru"
    gates = 3

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_gru.hpp`."""
        x, initial, w, r, b = arrays
        sequence = x.reshape(self.steps, self.input_size)
        y = np.empty((self.steps, self.directions, self.hidden_size), self.h.dtype)
        h = initial.reshape(self.directions, -1).copy()
        for d in range(self.directions):
            biases = b[d].astype(np.int64).reshape(2, -1)
            for t in range(self.steps)[:: -1 if d else 1]:
                from_x = dot_products(w[d], sequence[t], self.w_shift, chip)
                from_h = dot_products(r[d], h[d], self.r_shift, chip)
                sums = wrapped(from_x + biases[0]), wrapped(from_h + biases[1])
                h[d] = y[t, d] = self._step(sums, h[d], chip)
        return (y if self.gives == ALL else h).reshape(self.y.shape)

    def _step(self, sums: tuple[Array, Array], h: Array, chip: Chip) -> Array:
        sigmoid, tanh = self.tables
        (x_z, x_r, x_n), (h_z, h_r, h_n) = (s.reshape(3, -1) for s in sums)
        z, r = sigmoid_of(sigmoid, x_z + h_z), sigmoid_of(sigmoid, x_r + h_r)
        index = round_float(x_n.astype(np.float32) + r * h_n.astype(np.float32), chip)
        n = tanh_of(tanh, index.astype(np.int64))
        real = (np.float32(1) - z) * n * self.hidden_scale + z * h.astype(np.float32)
        return saturate(round_float(real, chip), self.h.dtype)
