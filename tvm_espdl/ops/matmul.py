"""matmul: products of two computed matrices, or batches of them; a 1x1 convolution for each."""

from __future__ import annotations

import math

import numpy as np

from ..chips import Chip
from .base import AllOfOneType, Array, FieldValue, Tensor, accumulate, finish, register_fields, rule

MAX_RANK = 4
VECTOR_BYTES = 16


class Matmul(AllOfOneType):
    """`y = saturate(activation(round((a @ b) >> shift)))`, leading dimensions broadcast.

    Attributes
    ----------
    a, b, y : Tensor
        `(..., M, K)`, `(..., K, N)` and `(..., M, N)`: int8 or int16, one type.
    activation : str
        `linear` or `relu`.
    """

    a: Tensor
    b: Tensor
    y: Tensor
    activation: str = "linear"

    name = "matmul"
    family = "product"
    has_vector_kernel = True
    input_fields = ("a", "b")

    @property
    def macs(self) -> int:
        """Results times K."""
        return self.y.size * self.a.shape[-1]

    @property
    def shift(self) -> int:
        """Right shift from the products to the output."""
        factors = self.a.uniform_exponent + self.b.uniform_exponent
        return self.y.uniform_exponent - factors

    def kept_shift(self, chip: Chip) -> int:
        """`shift` as the kernel gets it: at most the chip's largest, which leaves as little."""
        return min(self.shift, chip.most_right_shift(self.a.dtype))

    def workspace_bytes(self, chip: Chip) -> int:
        """One matrix of `b`, laid out as a filter, and what is read behind it.

        Without vectors, the portable kernel alone computes it, which needs nothing; as little as
        there can be keeps its signature.
        """
        if not chip.vector_bytes:
            return VECTOR_BYTES
        matrix = math.prod(self.b.shape[-2:]) * np.dtype(self.b.dtype).itemsize
        return -(-matrix // VECTOR_BYTES) * VECTOR_BYTES + VECTOR_BYTES

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_matmul.hpp`: one convolution per batch."""
        a, b = arrays
        batch = self.y.shape[:-2]
        wide_a = np.broadcast_to(a, (*batch, *a.shape[-2:])).reshape(-1, *a.shape[-2:])
        wide_b = np.broadcast_to(b, (*batch, *b.shape[-2:])).reshape(-1, *b.shape[-2:])
        sums = [
            accumulate(chip, rows, columns.T, None, run=len(columns))
            for rows, columns in zip(wide_a, wide_b, strict=True)
        ]
        y = finish(np.array(sums), self.kept_shift(chip), self.activation, self.y, chip)
        return y.reshape(self.y.shape)

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """Batches, with the distance of two matrices (0 where repeated); sizes; registers."""
        rows, depth = self.a.shape[-2:]
        columns, dtype = self.b.shape[-1], self.a.dtype
        lanes = chip.lanes(dtype)
        return {
            "batches": self._padded(self.y),
            "strides_a": self._steps(self.a),
            "strides_b": self._steps(self.b),
            "rows": rows,
            "depth": depth,
            "columns": columns,
            "columns_in_lanes": columns // lanes * lanes if lanes else 0,
            "shift": self.kept_shift(chip),
            "relu": int(self.activation == "relu"),
            "half_even": int(chip.rounding == "half_even"),
            **register_fields(chip, dtype),
        }

    def _steps(self, tensor: Tensor) -> tuple[int, ...]:
        outer, inner = self._padded(tensor)
        matrix = math.prod(tensor.shape[-2:])
        return (inner * matrix if outer > 1 else 0, matrix if inner > 1 else 0)

    @staticmethod
    def _padded(tensor: Tensor) -> tuple[int, ...]:
        batch = tensor.shape[:-2]
        return (1,) * (MAX_RANK - 2 - len(batch)) + batch

    @rule(allowed="2 to 4 dimensions", fix="reshape the factors")
    def ranks_fit(self, chip: Chip) -> str | None:
        """Each factor has 2 to 4 dimensions."""
        ranks = len(self.a.shape), len(self.b.shape)
        return None if min(ranks) >= 2 and max(ranks) <= MAX_RANK else f"{ranks} dimensions"

    @rule(allowed="a shift of 0 or more", fix="raise the output's exponent", otherwise="portable")
    def shift_is_not_negative(self, chip: Chip) -> str | None:
        """On chips with vectors, the output exponent is at least the sum of the factors'."""
        return f"shift {self.shift}" if chip.vector_bytes and self.shift < 0 else None
