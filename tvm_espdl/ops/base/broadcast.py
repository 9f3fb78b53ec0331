"""Family of the operators that combine two broadcast inputs element by element. None itself.

It knows shapes and how to walk them; what is computed from two elements is the operator's, which
states it three times: for NumPy, for the host's TIR and in C. Neighbouring dimensions that
broadcast alike are merged. Source: ESP-DL `dl/base/dl_base_elemwise.cpp`.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ...chips import Chip
from .alike import AllOfOneExponent, AllOfOneType
from .builder import Builder, Expression
from .ccall import FieldValue
from .operator import Operator, Tensor, rule
from .rounding import Array, power_of_two, round_float, saturate
from .shifted_scales import ShiftedScales

Shape = tuple[int, ...]
MAX_RANK = 4


def merged(a: Shape, b: Shape, y: Shape) -> list[tuple[int, bool, bool]]:
    """The fewest dimensions that describe the broadcast.

    Returns
    -------
    list of (extent, a is repeated, b is repeated)
        Outermost first; at least one entry.
    """
    rank = len(y)
    wide_a = (1,) * (rank - len(a)) + a
    wide_b = (1,) * (rank - len(b)) + b
    result: list[tuple[int, bool, bool]] = []
    for extent, in_a, in_b in zip(y, wide_a, wide_b, strict=True):
        if extent == 1:
            continue
        repeats = (in_a == 1, in_b == 1)
        if result and result[-1][1:] == repeats:
            result[-1] = (result[-1][0] * extent, *repeats)
        else:
            result.append((extent, *repeats))
    return result or [(1, False, False)]


def strides_of(a: Shape, b: Shape, y: Shape) -> dict[str, FieldValue]:
    """Members of a C descriptor that walk two broadcast inputs: rank, extents, strides.

    Extents and strides (in elements; 0 where the input is repeated) have `MAX_RANK` entries,
    filled up with extent 1 at the front.
    """
    dimensions = merged(a, b, y)
    strides_a, strides_b = _strides(dimensions, 1), _strides(dimensions, 2)
    missing = max(0, MAX_RANK - len(dimensions))
    return {
        "rank": len(dimensions),
        "extents": (1,) * missing + tuple(extent for extent, _, _ in dimensions),
        "strides_a": (0,) * missing + strides_a,
        "strides_b": (0,) * missing + strides_b,
    }


def _strides(dimensions: list[tuple[int, bool, bool]], repeated: int) -> tuple[int, ...]:
    strides: list[int] = []
    step = 1
    for dimension in reversed(dimensions):
        strides.append(0 if dimension[repeated] else step)
        step *= 1 if dimension[repeated] else dimension[0]
    return tuple(reversed(strides))


class Broadcast(AllOfOneType):
    """Two tensors in, one tensor out: `y = saturate(f(a, b))` of integers, exponents known.

    Attributes
    ----------
    a, b, y : Tensor
        int8 or int16, one type; a and b broadcast to y.
    c : str
        f of `int32_t a, b`, as an integer of up to 64 bits; `d` has the members of `parameters`.
    """

    a: Tensor
    b: Tensor
    y: Tensor

    family: ClassVar[str] = "declared"
    header: ClassVar[str] = "broadcast"
    input_fields = ("a", "b")

    @classmethod
    def made(
        cls, a: Tensor, b: Tensor, y: Tensor, *, relu: bool, known: tuple[bool, bool]
    ) -> Broadcast:
        """The record of an operator that a model has.

        Parameters
        ----------
        relu : bool
            Whether a ReLU follows it, only where it has an `activation`.
        known : (bool, bool)
            Which inputs are constant.
        """
        return cls(a, b, y)

    @property
    def innermost(self) -> tuple[int, bool, bool]:
        """The innermost merged run: its length, and whether a or b is repeated along it."""
        return merged(self.a.shape, self.b.shape, self.y.shape)[-1]

    @property
    def in_place(self) -> tuple[int, ...]:
        """Inputs that are read where the result is written, and never again."""
        types = [(tensor.dtype, tensor.size) for tensor in self.inputs]
        return tuple(i for i, t in enumerate(types) if t == (self.y.dtype, self.y.size))

    def host(self, a: Expression, b: Expression, op: Builder) -> Expression:
        """F in TIR, of int32; an integer, or one that `op` has saturated already."""
        raise NotImplementedError

    def walk(self) -> dict[str, FieldValue]:
        """The descriptor's members that say how the inputs are broadcast."""
        return strides_of(self.a.shape, self.b.shape, self.y.shape)

    def parameters(self, chip: Chip) -> dict[str, FieldValue]:
        """Numbers that the C formula reads, by name."""
        raise NotImplementedError

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """How the inputs are broadcast, and the parameters."""
        return {**self.walk(), **self.parameters(chip)}

    def permuted(self, axes: tuple[int, ...]) -> Operator:
        """The same on transposed tensors; an operand of lower rank is widened with ones first."""
        rank = len(axes)
        a, b = (
            dataclasses.replace(t, shape=(1,) * (rank - len(t.shape)) + t.shape).permuted(axes)
            for t in (self.a, self.b)
        )
        return dataclasses.replace(self, a=a, b=b, y=self.y.permuted(axes))

    @rule(allowed=f"up to {MAX_RANK} dimensions after merging", fix="reshape the inputs")
    def merged_rank_fits(self, chip: Chip) -> str | None:
        """After merging neighbouring dimensions that broadcast alike, at most 4 are left."""
        rank = len(merged(self.a.shape, self.b.shape, self.y.shape))
        return None if rank <= MAX_RANK else f"{rank} dimensions"


class RawBroadcast(AllOfOneExponent, Broadcast):
    """A `Broadcast` that computes on the integers as they are and reads no exponent."""

    descriptor = "espdl_binary_t"

    def formula(self, a: Array, b: Array) -> Array:
        """F in NumPy, int32 in and out, both broadcast."""
        raise NotImplementedError

    def host(self, a: Expression, b: Expression, op: Builder) -> Expression:
        """F in TIR, int32 in and out."""
        raise NotImplementedError

    @property
    def relu(self) -> bool:
        """Whether negative results become 0."""
        return False

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """`formula`, saturated. Source: ESP-DL `dl/base/dl_base_<name>.cpp`."""
        a, b = (array.astype(np.int32) for array in arrays)
        y = saturate(self.formula(a, b), self.y.dtype)
        return np.maximum(y, 0) if self.relu else y

    def parameters(self, chip: Chip) -> dict[str, FieldValue]:
        """Whether a ReLU follows."""
        return {"relu": int(self.relu)}


class WithRelu(RawBroadcast):
    """A `RawBroadcast` that takes a ReLU behind it: `y = activation(saturate(f(a, b)))`.

    Attributes
    ----------
    activation : str
        `linear` or `relu`.
    """

    activation: str = "linear"

    @classmethod
    def made(
        cls, a: Tensor, b: Tensor, y: Tensor, *, relu: bool, known: tuple[bool, bool]
    ) -> Broadcast:
        """The record, with its ReLU."""
        return cls(a, b, y, "relu" if relu else "linear")

    @property
    def relu(self) -> bool:
        """Whether negative results become 0."""
        return self.activation == "relu"


class RealBroadcast(ShiftedScales, Broadcast):
    """`y = saturate(round(f(a * 2**ae, b * 2**be) * 2**-oe))`, in float32.

    Attributes
    ----------
    c : str
        f of `float a, b`, as a `float`.
    """

    descriptor = "espdl_real_binary_t"

    def formula(self, a: Array, b: Array) -> Array:
        """The function as the chip evaluates it: float32 in, float32 out, both broadcast."""
        raise NotImplementedError

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/base/dl_base_<name>.cpp`, C++ on all chips."""
        a, b = (
            array.astype(np.float32) * power_of_two(tensor.uniform_exponent)
            for array, tensor in zip(arrays, self.inputs, strict=True)
        )
        with np.errstate(all="ignore"):
            scaled = self.formula(a, b) * power_of_two(-self.y.uniform_exponent)
        result = saturate(round_float(scaled, chip), self.y.dtype)
        return np.ascontiguousarray(result.reshape(self.y.shape))

    def parameters(self, chip: Chip) -> dict[str, FieldValue]:
        """All scales, and the chip's rounding."""
        return {
            "scale_a": float(power_of_two(self.a.uniform_exponent)),
            "scale_b": float(power_of_two(self.b.uniform_exponent)),
            "scale_y": float(power_of_two(-self.y.uniform_exponent)),
            "half_even": int(chip.rounding == "half_even"),
        }
