"""Looks into a quantized network as it is deployed: its tensors, and its operators one by one.

Must never take one tensor for another: a network that does not show all of them is not looked at.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from onnx import NodeProto

from ...onnx_graphs.graph import Array, attribute
from ...samples import Sample
from ..exact import ExactNetwork

if TYPE_CHECKING:
    from ...ops import Tensor
    from ...program import Program, Turn

_RESHAPES = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity")


@dataclass(frozen=True)
class Integers:
    """What the integers of a quantized activation look like; their scale is 2^exponent."""

    shape: tuple[int, ...]  #: In the layout of the model.
    exponent: int
    bits: int

    def real(self, integers: Array) -> Array:
        """The numbers that integers of int8 or int16 stand for, float32: exact."""
        scale = np.ldexp(np.float32(1), self.exponent)
        # NumPy makes a number of a product of tensors without axes.
        return np.asarray(np.multiply(integers, scale, dtype=np.float32))

    def alike(self, other: Integers) -> bool:
        """Whether both have the same number of integers, at the same scale."""
        own, its = ((math.prod(t.shape), t.exponent, t.bits) for t in (self, other))
        return own == its


@dataclass(frozen=True)
class Move:
    """How one activation is another one, its elements in other places."""

    source: str  #: The other one.
    axes: tuple[int, ...] | None  #: Transposes it; None where it is only reshaped.

    @classmethod
    def of(cls, node: NodeProto, rank: int) -> Move | None:
        """The move that a node of the model is, if its first input has this many axes."""
        if node.op_type in _RESHAPES:
            return cls(node.input[0], None)
        if node.op_type != "Transpose":
            return None
        axes = attribute(node, "perm", range(rank)[::-1])
        return cls(node.input[0], tuple(axes))


class InnerTensors:
    """The quantized activations of a network, by the names that the model has for them.

    A transpose or reshape may have vanished from the program, for the next operator reads its
    input as it lies in memory; its result is then computed from that input, which is exact.
    `tensors` are in the order of the graph, `moves` are of those that transposes and reshapes make;
    `values_of` the network's program must not be None.
    """

    def __init__(
        self,
        network: ExactNetwork,
        tensors: Mapping[str, Integers],
        moves: Mapping[str, Move],
    ) -> None:
        self._network, self._tensors, self._moves = network, tensors, moves
        self._values = values_of(network.program, tensors, moves) or {}

    def seen(self, sample: Sample) -> dict[str, Array]:
        """Every tensor as the chip computes it, float32, in the layout of the model."""
        found: dict[str, Array] = {}
        self._network.outputs(sample, partial(self._see, found, {}))
        return self._completed(found, found)

    def alone(self, sample: Sample, held: Mapping[str, Array]) -> dict[str, Array]:
        """As `seen`, but what reads a tensor reads that of `held`: integers in the same layout."""
        found: dict[str, Array] = {}
        self._network.outputs(sample, partial(self._see, found, held))
        real = {move.source: self._tensors[move.source].real(held[move.source])
                for name, move in self._moves.items() if name not in found}  # fmt: skip
        return self._completed(found, real)

    def _see(
        self, found: dict[str, Array], held: Mapping[str, Array], value: str, array: Array
    ) -> Array | None:
        name = self._values.get(value)
        if name is None:
            return None
        integers, turns = self._tensors[name], self._network.program.origins[value].turns
        ordered = np.ascontiguousarray(_turned(array, turns).reshape(integers.shape))
        found[name] = integers.real(ordered)
        if name not in held:
            return None
        instead = _turned_back(held[name], turns).reshape(array.shape)
        return np.ascontiguousarray(instead)

    def _completed(self, found: dict[str, Array], sources: Mapping[str, Array]) -> dict[str, Array]:
        """With those that have vanished."""
        for name, integers in self._tensors.items():
            if name not in found:
                move = self._moves[name]
                values = sources[move.source]
                values = values if move.axes is None else values.transpose(move.axes)
                found[name] = np.ascontiguousarray(values.reshape(integers.shape))
        return found


def values_of(
    program: Program, tensors: Mapping[str, Integers], moves: Mapping[str, Move]
) -> dict[str, str] | None:
    """Which tensor each value is; None if one is not shown and is not moved from one that is.

    A tensor is shown where exactly one step computes it, as integers of its type.
    """
    shown: dict[str, str] = {}
    for value, origin in program.origins.items():
        integers = tensors.get(origin.tensor)
        if integers is None or not _is_of_type(program.values[value], integers):
            continue
        if origin.tensor in shown.values():
            return None
        shown[value] = origin.tensor
    known = set(shown.values())
    for name, integers in tensors.items():
        if name in known:
            continue
        move = moves.get(name)
        if move is None or move.source not in known:
            return None
        if not integers.alike(tensors[move.source]):
            return None
        known.add(name)
    return shown


def _is_of_type(tensor: Tensor, integers: Integers) -> bool:
    same = (tensor.dtype, tensor.exponent) == (f"int{integers.bits}", integers.exponent)
    return same and tensor.size == math.prod(integers.shape)


def _turned(values: Array, turns: tuple[Turn, ...]) -> Array:
    """Into the model's order of elements."""
    for shape, axes in turns:
        values = values.reshape(shape).transpose(axes)
    return values


def _turned_back(values: Array, turns: tuple[Turn, ...]) -> Array:
    """Out of the model's order of elements."""
    for shape, axes in reversed(turns):
        turned = [shape[axis] for axis in axes]
        values = values.reshape(turned).transpose(np.argsort(axes))
    return values
