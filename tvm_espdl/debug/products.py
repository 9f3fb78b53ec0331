"""What convolutions and matrix products sum, apart from how: every kind of them as one.

The sums of the chip are those of `ops`; others have another bias, other weights, another register.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..chips import Chip
from ..ops import Operator
from ..ops.base.accumulate import accumulate, must_follow_order
from ..ops.base.convolution import Convolution
from ..ops.base.convolution1d import Convolution1d
from ..ops.base.rounding import Array
from ..ops.base.window import patches
from ..ops.gemm import Gemm
from ..ops.matmul import Matmul


@dataclass(frozen=True, eq=False)
class Products:
    """A layer's products.

    Attributes
    ----------
    operator : Weighted or Matmul
        The layer.
    parts : tuple of (values, weights)
        `accumulate`'s patches and weights: one pair, or one for each of a batch.
    bias : numpy.ndarray or None
        `(output channels,)`.
    run : int
        As `accumulate` takes it.
    lanes_only : bool
        As `accumulate` takes it.
    """

    operator: Operator
    parts: tuple[tuple[Array, Array], ...]
    bias: Array | None
    run: int
    lanes_only: bool

    def sums(self, chip: Chip) -> Array:
        """In the registers and the order of a chip: int64, `(positions, channels)`."""
        return np.concatenate(
            [
                accumulate(
                    chip, values, weights, self.bias, run=self.run, lanes_only=self.lanes_only
                )
                for values, weights in self.parts
            ]
        )

    def exact(self) -> Array:
        """In a register that is never too narrow."""
        found = []
        for values, weights in self.parts:
            formula = "pk,ck->pc" if values.ndim == 2 else "pck,ck->pc"
            factors = values.astype(np.float64), weights.astype(np.float64)
            found.append(np.einsum(formula, *factors, optimize=True).astype(np.int64))
        total = np.concatenate(found)
        return total if self.bias is None else total + self.bias.astype(np.int64)

    def with_bias(self, bias: Array | None) -> Products:
        """The same products with another bias."""
        return replace(self, bias=bias)

    def shift(self, chip: Chip) -> int | Array:
        """From sums to results, per channel where they differ."""
        if isinstance(self.operator, Matmul):
            return self.operator.kept_shift(chip)
        shift: int | Array = self.operator.shift(chip)  # type: ignore[attr-defined]
        return shift

    def follows_order(self, chip: Chip) -> int:
        """Products that the chip has to add in its order: about how long `sums` takes."""
        total = 0
        for values, weights in self.parts:
            ordered = must_follow_order(
                chip, weights, self.bias, str(values.dtype), lanes_only=self.lanes_only
            )
            total += int(ordered.sum()) * len(values) * weights.shape[1]
        return total


def products_of(
    operator: Operator, inputs: Sequence[Array], constants: Sequence[Array]
) -> Products | None:
    """Of a convolution or matrix product; None of others."""
    if isinstance(operator, Convolution1d):
        filter_, *bias = constants
        rows = [inputs[0][:, None]]
        return products_of(operator.as_2d, rows, [filter_[:, :, None], *bias])
    if isinstance(operator, Convolution):
        terms = operator.summed(*constants)
        assert terms is not None
        window = operator.kernel, operator.pads, operator.strides, operator.dilations
        values = operator.positions(patches(inputs[0], *window))
        run = operator.w.shape[1]
        parts = ((values, terms.weights),)
        return Products(operator, parts, terms.bias, run, terms.lanes_only)
    if isinstance(operator, Gemm):
        of_columns = operator.summed(*constants)
        depth = inputs[0].shape[-1]
        pair = (inputs[0].reshape(-1, depth), of_columns.weights)
        return Products(operator, (pair,), of_columns.bias, depth, False)
    if isinstance(operator, Matmul):
        a, b = inputs
        batch = operator.y.shape[:-2]
        wide_a, wide_b = (
            np.broadcast_to(m, (*batch, *m.shape[-2:])).reshape(-1, *m.shape[-2:]) for m in (a, b)
        )
        pairs = tuple((rows, columns.T) for rows, columns in zip(wide_a, wide_b, strict=True))
        return Products(operator, pairs, None, a.shape[-1], False)
    return None


def size_of(operator: Operator) -> int:
    """Values that the products are made of, written out: about the memory that they take."""
    channels = operator.output.shape[-1] if operator.output.shape else 1
    per_output = operator.macs // max(operator.output.size, 1)
    alike = 1 if getattr(operator, "name", "").startswith("depthwise") else channels
    return math.ceil(operator.output.size / alike) * per_output
