"""gemm: rows times a constant matrix, with bias and fused ReLU; ESP-DL runs it as a 1x1 conv2d."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..chips import Chip
from .accumulate import accumulate, finish
from .ccall import CCall, FieldValue
from .operator import Operator, Tensor, rule
from .packing import convolution_call
from .rounding import Array


@dataclass(frozen=True)
class Gemm(Operator):
    """`y = saturate(activation(round((b + x @ w) >> shift)))`.

    Attributes
    ----------
    x : Tensor
        `(..., K)`, int8 or int16; leading dimensions are rows.
    w : Tensor
        `(K, N)`, type of x; its exponent may be one per column.
    b : Tensor or None
        `(N,)`, int32 (int64 for int16 data), at exponent `x + w`.
    y : Tensor
        `(..., N)`.
    activation : str
        `linear` or `relu`.
    """

    x: Tensor
    w: Tensor
    b: Tensor | None
    y: Tensor
    activation: str = "linear"

    name: ClassVar[str] = "gemm"

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The rows."""
        return (self.x,)

    @property
    def constants(self) -> tuple[Tensor, ...]:
        """Matrix, and bias when there is one."""
        return (self.w,) if self.b is None else (self.w, self.b)

    @property
    def output(self) -> Tensor:
        """The result."""
        return self.y

    @property
    def macs(self) -> int:
        """Rows times K times N."""
        return self.x.size * self.w.shape[1]

    @property
    def shifts(self) -> tuple[int, ...]:
        """Right shift from the products to the output: one, or one per column."""
        of_matrix = self.w.exponent
        exponents = of_matrix if isinstance(of_matrix, tuple) else (of_matrix,)
        base = self.y.uniform_exponent - self.x.uniform_exponent
        return tuple(base - int(e or 0) for e in exponents)

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_gemm.hpp`: a 1x1 convolution."""
        x, w, *b = arrays
        bias = b[0] if b else None
        sums = accumulate(chip, x.reshape(-1, x.shape[-1]), w.T, bias, run=len(w))
        shift = self.shifts[0] if len(self.shifts) == 1 else np.array(self.shifts, np.int64)
        return finish(sums, shift, self.activation, self.y, chip).reshape(self.y.shape)

    def call(self, chip: Chip, *constants: Array) -> CCall:
        """The conv2d kernel on an image of one row."""
        w, *b = constants
        depth, columns = self.w.shape
        rows = self.x.size // depth
        one = ("kernel_height", "kernel_width", "stride_y", "stride_x", "dilation_y", "dilation_x")
        fields: dict[str, FieldValue] = {
            "input_height": 1,
            "input_width": rows,
            "input_channels": depth,
            "output_height": 1,
            "output_width": rows,
            "output_channels": columns,
            "pad_top": 0,
            "pad_left": 0,
            **dict.fromkeys(one, 1),
        }
        filter_ = np.ascontiguousarray(w.T)[:, :, None, None]
        bias = b[0] if b else None
        return convolution_call(chip, "conv2d", self, filter_, bias, fields=fields, depthwise=False)

    def permuted(self, axes: tuple[int, ...]) -> Operator:
        """Only a permutation of the rows leaves a gemm what it is."""
        if axes[-1] != len(axes) - 1:
            raise NotImplementedError("the last axis of a gemm is its depth")
        return dataclasses.replace(self, x=self.x.permuted(axes), y=self.y.permuted(axes))

    @rule(allowed="one exponent for the whole matrix", fix="quantize without per_channel")
    def matrix_exponents_suit_chip(self, chip: Chip) -> str | None:
        """A matrix exponent per column needs the vectors of the ESP32-P4 or ESP32-S31."""
        if chip.per_channel or not isinstance(self.w.exponent, tuple):
            return None
        return f"{len(self.w.exponent)} exponents on {chip.name}"

    @rule(allowed="a shift of 0 or more", fix="raise the output's exponent")
    def shift_is_not_negative(self, chip: Chip) -> str | None:
        """On chips with vectors, the output exponent is at least input plus matrix exponent."""
        if not chip.vector_bytes or min(self.shifts) >= 0:
            return None
        return f"shift {min(self.shifts)}"
