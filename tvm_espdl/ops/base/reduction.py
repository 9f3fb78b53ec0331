"""Family of the operators that combine all elements along some axes. No operator of its own.

It knows which elements belong together and in which order; what they become is the operator's,
which states it three times: for NumPy, for the host's TIR and in C.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from ...chips import Chip
from .builder import Builder, Expression
from .ccall import FieldValue
from .operator import Operator, rule
from .rounding import Array, power_of_two, round_float, saturate, shift_and_round
from .shifted_scales import ShiftedScales
from .strided import strides_of
from .unary import OneInteger, SameExponent

MAX_RUNS = 2  # of kept axes, and of reduced ones


class Reduction(OneInteger):
    """One result for all elements that differ in the reduced axes only, int8 or int16.

    The result keeps the reduced axes with extent 1. The elements are combined in index order.

    Attributes
    ----------
    axes : tuple of int
        The reduced axes, ascending, not negative.
    """

    axes: tuple[int, ...] = ()

    family: ClassVar[str] = "declared"
    header: ClassVar[str] = "reduction"
    descriptor = "espdl_reduce_t"
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
    def sum_scale(self) -> np.float32:
        """Value of 1 in what is summed."""
        return self.input_scale

    @property
    def output_scale(self) -> np.float32:
        """What a real number is multiplied with to become an integer of y."""
        return power_of_two(-self.y.uniform_exponent)

    def lines(self, x: Array) -> Array:
        """`(count, results)`: the elements of each result, in index order."""
        kept = [axis for axis in range(x.ndim) if axis not in self.axes]
        return x.transpose(*self.axes, *kept).reshape(self.count, -1)

    @property
    def runs(self) -> list[tuple[bool, int, int]]:
        """Neighbouring axes as one, where all are reduced or all are kept: which, extent, stride.

        Source: ESP-DL `dl/module/include/dl_module_reduce_base.hpp`, `forward_template`.
        """
        dense = strides_of(self.x.shape)
        runs: list[tuple[bool, int, int]] = []
        for axis, extent in enumerate(self.x.shape):
            reduced = axis in self.axes
            joined = runs.pop()[1] if runs and runs[-1][0] == reduced else 1
            runs.append((reduced, joined * extent, dense[axis]))
        return runs

    def walk(self) -> dict[str, FieldValue]:
        """Members of the C descriptor: kept and reduced dimensions after merging, two of each."""
        fields: dict[str, FieldValue] = {}
        for name, reduced in (("kept", False), ("reduced", True)):
            own = [(extent, stride) for kind, extent, stride in self.runs if kind == reduced]
            own = [(1, 0)] * (MAX_RUNS - len(own)) + own
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
        """Members of the C descriptor beside dimensions and rounding, where they are not 0.

        Both scales, unless an operator says otherwise, the first one that of the sum.
        """
        return {"input_scale": float(self.sum_scale), "output_scale": float(self.output_scale)}

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """Dimensions, rounding, parameters."""
        return {
            **self.walk(),
            "count": self.count,
            "half_even": int(chip.rounding == "half_even"),
            **self.parameters(),
        }

    def permuted(self, axes: tuple[int, ...]) -> Operator:
        """The same on transposed tensors."""
        moved = sorted(axes.index(axis) for axis in self.axes)
        return self.transposed(axes, axes=tuple(moved))

    @rule(allowed=f"{MAX_RUNS} runs of either kind", fix="transpose, or reduce in two steps")
    def runs_fit(self, chip: Chip) -> str | None:
        """Axes that are reduced and axes that are kept take turns at most 3 times.

        Neighbouring axes of a kind are one. Beyond, ESP-DL v3.3.9 writes nothing.
        """
        runs = len(self.runs)
        return None if runs <= 2 * MAX_RUNS else f"{runs} runs: axes {self.axes} of {self.x.shape}"

    @rule(allowed="fewer elements", fix="reduce in steps, or use int16")
    def sum_fits(self, chip: Chip) -> str | None:
        """A sum of 8-bit elements, or of their squares, stays within 32 bits."""
        if self.x.dtype != "int8" or not self.term_bits:
            return None
        return f"{self.count} elements" if self.count << self.term_bits >= 1 << 31 else None


class Extreme(SameExponent, Reduction):
    """The largest or the smallest element; exponents are not read.

    Attributes
    ----------
    c : str
        The better one of the integers `best` and `v`.
    """

    def host(self, best: Expression, v: Expression, op: Builder) -> Expression:
        """The better one of two elements in TIR."""
        raise NotImplementedError

    def parameters(self) -> dict[str, FieldValue]:
        """None."""
        return {}


class Sum(Reduction):
    """An exact sum of a term of each element, which becomes the result."""

    term_bits: ClassVar[int] = 7

    def term(self, x: Array) -> Array:
        """What is summed, in NumPy, from int64 elements."""
        return x

    def host_term(self, v: Expression, op: Builder) -> Expression:
        """What is summed, in TIR, of the type of the sum."""
        return v


class ExactSum(Sum):
    """`y = saturate(round(sum(term(x)) >> shift))`.

    Attributes
    ----------
    c : str
        The term of `int32_t v`.
    """

    @property
    def shift(self) -> int:
        """Right shift from the sum to y."""
        return self.y.uniform_exponent - self.x.uniform_exponent

    def combined(self, lines: Array, chip: Chip) -> Array:
        """Source: ESP-DL `dl/tool/src/dl_tool.cpp`, `shift_and_round` of the sum."""
        total = self.term(lines.astype(np.int64)).sum(axis=0)
        return saturate(shift_and_round(total, self.shift, chip), self.y.dtype)

    def parameters(self) -> dict[str, FieldValue]:
        """The shift."""
        return {"shift": self.shift}

    @rule(allowed="shifts from -31 to 30", fix="bring the exponents closer together")
    def shift_is_defined(self, chip: Chip) -> str | None:
        """The sum is shifted right by at most 30 bits, or left by at most 31."""
        return None if -31 <= self.shift <= 30 else f"shift {self.shift}"


class RealSum(ShiftedScales, Sum):
    """`y = saturate(round(f(float32(sum(term(x))) * sum_scale) * 2**-oe))`, in float32.

    Attributes
    ----------
    c : str
        f of `float real`, as a `float`; `d->count` is the number of elements.
    c_term : str
        The term of `int32_t v`.
    """

    c_term: ClassVar[str] = "v"

    def formula(self, real: Array) -> Array:
        """F in NumPy, float32 in and out."""
        raise NotImplementedError

    def host(self, real: Expression, op: Builder) -> Expression:
        """F in TIR."""
        raise NotImplementedError

    def combined(self, lines: Array, chip: Chip) -> Array:
        """The sum as a real number, and f of it."""
        total = self.term(lines.astype(np.int64)).sum(axis=0)
        with np.errstate(all="ignore"):
            real = self.formula(total.astype(np.float32) * self.sum_scale)
        return saturate(round_float(real * self.output_scale, chip), self.y.dtype)
