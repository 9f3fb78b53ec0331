"""What convolutions and matrix products sum, apart from how: every kind of them as one.

The sums of the chip are those of `ops`; others have another bias, other weights, another register.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..chips import Chip
from ..ops import Operator
from ..ops.base.accumulate import accumulate, accumulators, kept_bias
from ..ops.base.convolution import Convolution
from ..ops.base.convolution1d import Convolution1d
from ..ops.base.rounding import Array
from ..ops.base.window import patches
from ..ops.gemm import Gemm
from ..ops.matmul import Matmul


@dataclass(frozen=True, eq=False)
class Factors:
    """What is multiplied, as `accumulate` takes it, and what every way to sum it begins with.

    Attributes
    ----------
    values : numpy.ndarray
        `(positions, products)`, or `(positions, channels, products)`.
    weights : numpy.ndarray
        `(channels, products)`.
    """

    values: Array
    weights: Array

    @cached_property
    def sums(self) -> Array:
        """In a register that is never too narrow: int64, `(positions, channels)`."""
        return self._summed(self.values.astype(np.float64), self.weights.astype(np.float64))

    @cached_property
    def reach(self) -> Array:
        """How far from zero a sum can have been on its way."""
        return self._summed(
            np.abs(self.values.astype(np.float64)), np.abs(self.weights.astype(np.float64))
        )

    def _summed(self, values: Array, weights: Array) -> Array:
        formula = "pk,ck->pc" if values.ndim == 2 else "pck,ck->pc"
        return np.einsum(formula, values, weights, optimize=True).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Products:
    """A layer's products.

    Attributes
    ----------
    operator : Weighted or Matmul
        The layer.
    parts : tuple of Factors
        One, or one for each of a batch.
    bias : numpy.ndarray or None
        `(output channels,)`.
    run : int
        As `accumulate` takes it.
    lanes_only : bool
        As `accumulate` takes it.
    """

    operator: Operator
    parts: tuple[Factors, ...]
    bias: Array | None
    run: int
    lanes_only: bool

    def sums(self, chip: Chip) -> Array:
        """In the registers and the order of a chip: int64, `(positions, channels)`."""
        return np.concatenate([self._sums(part, chip) for part in self.parts])

    def _sums(self, part: Factors, chip: Chip) -> Array:
        """Only what can have left its register is added up one after the other."""
        total = part.sums + self._start(part, chip)
        rows = self._leaving(part, chip)
        if rows.any():
            total[rows] = accumulate(
                chip,
                part.values[rows],
                part.weights,
                self.bias,
                run=self.run,
                lanes_only=self.lanes_only,
            )
        return total

    def _start(self, part: Factors, chip: Chip) -> Array:
        if self.bias is None:
            return np.zeros(len(part.weights), np.int64)
        dtype = part.values.dtype.name
        return kept_bias(chip, self.bias, dtype, lanes_only=self.lanes_only)

    def _leaving(self, part: Factors, chip: Chip) -> Array:
        """Positions of which a sum can have left its register."""
        start = np.abs(self._start(part, chip))
        rows = np.zeros(len(part.values), bool)
        dtype, channels = part.values.dtype.name, len(part.weights)
        for group, register in accumulators(chip, dtype, channels, self.lanes_only):
            over = part.reach[:, group] + start[group] > register.highest
            rows |= over.any(axis=1)
        return rows

    def exact(self) -> Array:
        """In a register that is never too narrow, with a bias that is kept whole."""
        total = np.concatenate([part.sums for part in self.parts])
        return total if self.bias is None else total + self.bias.astype(np.int64)

    def at(self, rows: Array) -> Products:
        """Those of a few positions only, of a layer that is no batch of matrices."""
        (part,) = self.parts
        return replace(self, parts=(Factors(part.values[rows], part.weights),))

    def with_bias(self, bias: Array | None) -> Products:
        """The same products with another bias."""
        return replace(self, bias=bias)

    def shift(self, chip: Chip) -> int | Array:
        """From sums to results, per channel where they differ."""
        if isinstance(self.operator, Matmul):
            return self.operator.kept_shift(chip)
        shift: int | Array = self.operator.shift(chip)  # type: ignore[attr-defined]
        return shift

    def in_order(self, chip: Chip) -> int:
        """Products that are added one after the other: about how long `sums` takes."""
        rows = (int(self._leaving(part, chip).sum()) for part in self.parts)
        return sum(count * part.weights.size for count, part in zip(rows, self.parts, strict=True))


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
        parts = (Factors(values, terms.weights),)
        return Products(operator, parts, terms.bias, run, terms.lanes_only)
    if isinstance(operator, Gemm):
        of_columns = operator.summed(*constants)
        depth = inputs[0].shape[-1]
        factors = Factors(inputs[0].reshape(-1, depth), of_columns.weights)
        return Products(operator, (factors,), of_columns.bias, depth, False)
    if isinstance(operator, Matmul):
        a, b = inputs
        batch = operator.y.shape[:-2]
        wide_a, wide_b = (
            np.broadcast_to(m, (*batch, *m.shape[-2:])).reshape(-1, *m.shape[-2:]) for m in (a, b)
        )
        pairs = tuple(
            Factors(rows, columns.T) for rows, columns in zip(wide_a, wide_b, strict=True)
        )
        return Products(operator, pairs, None, a.shape[-1], False)
    return None


def size_of(operator: Operator) -> int:
    """Values that the products are made of, written out: about the memory that they take."""
    channels = operator.output.shape[-1] if operator.output.shape else 1
    per_output = operator.macs // max(operator.output.size, 1)
    alike = 1 if getattr(operator, "name", "").startswith("depthwise") else channels
    return math.ceil(operator.output.size / alike) * per_output
