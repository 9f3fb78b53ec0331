"""Base of the operators that multiply one input with constant weights: convolutions and gemm.

It owns the types and exponents of weights and bias, and their rules. It is no operator of its own.
"""

from __future__ import annotations

import numpy as np

from ...chips import Chip
from .operator import Exponent, Operator, Tensor, rule
from .rounding import Array

BIAS_DTYPE = {"int8": "int32", "int16": "int64"}


class Weighted(Operator):
    """`y = saturate(activation(round((b + products of x and w) >> shift)))`.

    Attributes
    ----------
    x : Tensor
        int8 or int16.
    w : Tensor
        Weights, type of x; the exponent may be one per output channel.
    b : Tensor or None
        `(output channels,)`, int32 (int64 for int16 data), at exponent `x + w`.
    y : Tensor
        Type of x.
    """

    x: Tensor
    w: Tensor
    b: Tensor | None
    y: Tensor

    family = "weighted"
    has_vector_kernel = True
    writes_apart = True
    constant_fields = ("w", "b")

    @property
    def product_exponents(self) -> tuple[int, ...]:
        """Exponent of the products: one, or one per output channel."""
        of_weights = self.w.exponent
        exponents = of_weights if isinstance(of_weights, tuple) else (of_weights,)
        return tuple(self.x.uniform_exponent + int(e or 0) for e in exponents)

    @property
    def shifts(self) -> tuple[int, ...]:
        """Right shift from the products to the output: one, or one per output channel."""
        return tuple(self.y.uniform_exponent - e for e in self.product_exponents)

    def kept_shifts(self, chip: Chip) -> tuple[int, ...]:
        """`shifts` as the kernel gets them: those beyond the chip's largest are the largest.

        Both leave nothing of a sum, which is far below that power of two.
        """
        most = chip.most_right_shift(self.x.dtype)
        return tuple(min(shift, most) for shift in self.shifts)

    def shift(self, chip: Chip) -> int | Array:
        """`kept_shifts` in the form that NumPy broadcasts over channels."""
        shifts = self.kept_shifts(chip)
        return shifts[0] if len(shifts) == 1 else np.array(shifts, np.int64)

    @rule(allowed="weights and result of the data's type", fix="quantize all three alike")
    def types_are_equal(self, chip: Chip) -> str | None:
        """Data, weights and result have one type: int8 or int16."""
        types = (self.x.dtype, self.w.dtype, self.y.dtype)
        if len(set(types)) == 1 and types[0] in BIAS_DTYPE:
            return None
        return f"{types[0]} data, {types[1]} weights, {types[2]} result"

    @rule(allowed="int32 for int8 data, int64 for int16 data", fix="quantize the bias so")
    def bias_type_suits_data(self, chip: Chip) -> str | None:
        """The bias is int32 for int8 data and int64 for int16 data."""
        if self.b is None or self.b.dtype == BIAS_DTYPE.get(self.x.dtype):
            return None
        return f"{self.b.dtype} bias of {self.x.dtype} data"

    @rule(
        allowed="the sum of both exponents",
        fix="quantize the bias at input plus weight scale",
        otherwise="followed",
    )
    def bias_exponent_is_of_products(self, chip: Chip) -> str | None:
        """The bias' exponent is input plus weight exponent, in each output channel."""
        if self.b is None or _alike(self.b.exponent, self.product_exponents):
            return None
        return f"bias exponent {self.b.exponent}, products {self.product_exponents}"

    @rule(allowed="one bias value per output channel", fix="make the bias a vector of channels")
    def bias_is_per_channel(self, chip: Chip) -> str | None:
        """The bias has one value per output channel."""
        if self.b is None or self.b.shape == (self.y.shape[-1],):
            return None
        return f"bias of shape {self.b.shape}"

    @rule(
        allowed="one exponent for all weights",
        fix="quantize without per_channel",
        otherwise="portable",
    )
    def filter_exponents_suit_chip(self, chip: Chip) -> str | None:
        """A weight exponent per output channel needs the vectors of the ESP32-P4 or ESP32-S31."""
        if chip.per_channel or not isinstance(self.w.exponent, tuple):
            return None
        return f"{len(self.w.exponent)} exponents on {chip.name}"

    @rule(allowed="a shift of 0 or more", fix="raise the output's exponent", otherwise="portable")
    def shift_is_not_negative(self, chip: Chip) -> str | None:
        """On chips with vectors, the output exponent is at least input plus weight exponent."""
        if not chip.vector_bytes or min(self.shifts) >= 0:
            return None
        return f"shift {min(self.shifts)}"


def _alike(bias: Exponent, products: tuple[int, ...]) -> bool:
    of_bias = bias if isinstance(bias, tuple) else (bias,)
    if len(of_bias) > 1 and len(products) > 1:
        return of_bias == products
    return set(of_bias) == set(products)
