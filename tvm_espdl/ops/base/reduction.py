"""Base of the operators that combine all elements along some axes. No operator of its own.

It knows which elements belong together and in which order; what they become is the operator's.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...chips import Chip
from .ccall import CCall, FieldValue
from .operator import Operator, rule
from .rounding import Array, power_of_two
from .strided import strides_of
from .unary import Unary, suffix

MAX_RANK = 4


@dataclass(frozen=True)
class Reduction(Unary):
    """One result for all elements that differ in the reduced axes only, int8 or int16.

    The result keeps the reduced axes with extent 1. The elements are combined in index order.

    Attributes
    ----------
    axes : tuple of int
        The reduced axes, ascending, not negative.
    """

    axes: tuple[int, ...] = ()

    term_bits: ClassVar[int] = 0  # of the largest term of a sum of int8; 0 where nothing is summed

    @property
    def count(self) -> int:
        """Elements that one result is made of."""
        return math.prod(self.x.shape[axis] for axis in self.axes)

    @property
    def input_scale(self) -> np.float32:
        """Value of 1 in x."""
        return power_of_two(self.x.uniform_exponent)

    @property
    def output_scale(self) -> np.float32:
        """What a real number is multiplied with to become an integer of y."""
        return power_of_two(-self.y.uniform_exponent)

    def lines(self, x: Array) -> Array:
        """`(count, results)`: the elements of each result, in index order."""
        kept = [axis for axis in range(x.ndim) if axis not in self.axes]
        return x.transpose(*self.axes, *kept).reshape(self.count, -1)

    def walk(self) -> dict[str, FieldValue]:
        """Members of the C descriptor: kept and reduced dimensions after merging, two of each."""
        dense = strides_of(self.x.shape)
        merged: list[tuple[bool, int, int]] = []
        for axis, extent in enumerate(self.x.shape):
            reduced = axis in self.axes
            joined = merged.pop()[1] if merged and merged[-1][0] == reduced else 1
            merged.append((reduced, joined * extent, dense[axis]))
        fields: dict[str, FieldValue] = {}
        for name, reduced in (("kept", False), ("reduced", True)):
            own = [(extent, stride) for kind, extent, stride in merged if kind == reduced]
            own = [(1, 0)] * (2 - len(own)) + own
            fields[f"{name}_extents"] = tuple(extent for extent, _ in own)
            fields[f"{name}_strides"] = tuple(stride for _, stride in own)
        return fields

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_reduce_base.hpp` and `combined`."""
        return self.combined(self.lines(arrays[0]), chip).reshape(self.y.shape)

    def combined(self, lines: Array, chip: Chip) -> Array:
        """The results, of y's type, from what `lines` gives."""
        raise NotImplementedError

    def parameters(self) -> dict[str, FieldValue]:
        """Members of the C descriptor beside dimensions and rounding, where they are not 0."""
        return {}

    def call(self, chip: Chip, *constants: Array) -> CCall:
        """`espdl_reduce_<what>_s8` or `_s16`."""
        return CCall(
            function=f"espdl_{self.name}_{suffix(self.x)}",
            descriptor="espdl_reduce_t",
            fields={
                **self.walk(),
                "count": self.count,
                "half_even": int(chip.rounding == "half_even"),
                **self.parameters(),
            },
        )

    def permuted(self, axes: tuple[int, ...]) -> Operator:
        """The same on transposed tensors."""
        return dataclasses.replace(
            self,
            x=self.x.permuted(axes),
            y=self.y.permuted(axes),
            axes=tuple(sorted(axes.index(axis) for axis in self.axes)),
        )

    @rule(allowed=f"up to {MAX_RANK} dimensions", fix="reshape the input")
    def rank_fits(self, chip: Chip) -> str | None:
        """A reduced tensor has at most 4 dimensions."""
        rank = len(self.x.shape)
        return None if rank <= MAX_RANK else f"{rank} dimensions"

    @rule(allowed="int8 for both, or int16 for both", fix="quantize the output like the input")
    def types_are_equal(self, chip: Chip) -> str | None:
        """Input and output have one type."""
        fits = self.x.dtype == self.y.dtype and self.x.dtype in ("int8", "int16")
        return None if fits else f"{self.x.dtype} and {self.y.dtype}"

    @rule(allowed="fewer elements", fix="reduce in steps, or use int16")
    def sum_fits(self, chip: Chip) -> str | None:
        """A sum of 8-bit elements, or of their squares, stays within 32 bits."""
        if self.x.dtype != "int8" or not self.term_bits:
            return None
        return f"{self.count} elements" if self.count << self.term_bits >= 1 << 31 else None


@dataclass(frozen=True)
class Extreme(Reduction):
    """The largest or the smallest element; exponents are not read."""

    @rule(allowed="one exponent for input and output", fix="requantize the output")
    def exponents_are_equal(self, chip: Chip) -> str | None:
        """Input and output have the same exponent, for the kernel reads neither."""
        if self.x.exponent == self.y.exponent:
            return None
        return f"exponents {self.x.exponent} and {self.y.exponent}"
