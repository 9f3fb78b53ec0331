"""What of the numbers that a Softmax reads counts: not those that it makes 0 anyhow.

A Softmax gives exp(x - m) over the sum of these, m being the largest of a row. Below m by more than
`reach`, a probability is less than half a step of integers of as many bits as those it is made of;
how far below makes no difference. Must never say so of what anything but a Softmax reads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..onnx_graphs.graph import Array, Graph, attribute
from ..onnx_graphs.rewriting import scalar
from .calibration import TensorRange
from .masks import SOFTMAXES
from .plan import Operand, Plan

#: Numbers that lie lower than the largest of their row by more than this are not measured: in
#: float32 their exponential is a 10^28th of the largest.
UNSEEN = 64.0

#: The same before a LogSoftmax, whose results are numbers of that size: only masks lie so low.
MASKED = 1000.0

#: Limits of what counts, lower and upper.
Limits = tuple[float, float]

UNLIMITED: Limits = (-math.inf, math.inf)
_MOVES = ("Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Expand", "Identity", "Tile")
_SAME = (*_MOVES, "Slice", "Gather", "Split", "Clip", "Max", "Min")


def reach(bits: int) -> float:
    """How far below the largest of a row a number counts, for integers of so many bits."""
    return (bits + 1) * math.log(2)


@dataclass(frozen=True)
class _Input:
    """What a Softmax reads, or the same before it is multiplied by a number."""

    node: int  #: The Softmax.
    axis: int
    factor: float  #: What it is multiplied by until the Softmax reads it.
    logarithm: bool  #: Whether it is a LogSoftmax, of which all that is not masked counts.


@dataclass
class SoftmaxInputs:
    """What calibration sees of the inputs of Softmaxes, of which it counts only what counts."""

    inputs: Mapping[str, _Input]
    #: The least that the largest number of a row was, by the Softmax.
    least: dict[int, float] = field(default_factory=dict)
    #: The lowest number that was not masked, by the LogSoftmax.
    lowest: dict[int, float] = field(default_factory=dict)
    #: Softmaxes some of whose inputs were not measured: masks.
    masked: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, plan: Plan) -> SoftmaxInputs:
        """Those of the quantized Softmaxes of a plan."""
        found: dict[str, _Input] = {}
        for index in plan.rules:
            node = plan.graph.nodes[index]
            if node.op_type not in SOFTMAXES or plan.graph.is_constant(node.input[0]):
                continue
            name, factor = node.input[0], 1.0
            axis = int(attribute(node, "axis", -1))
            while name:
                found[name] = _Input(index, axis, factor, node.op_type == "LogSoftmax")
                name, factor = _before_product(name, factor, plan.graph)
        return cls(found)

    def counting(self, name: str, values: Array) -> Array:
        """The values of a tensor of one sample that count; others become the nearest that does."""
        read = self.inputs.get(name)
        if read is None or not values.size:
            return values
        largest = values.max(axis=read.axis, keepdims=True)
        floor = largest - np.float32((MASKED if read.logarithm else UNSEEN) / read.factor)
        hidden = values < floor
        if read.factor == 1.0:
            _lower(self.least, read.node, largest)
            if read.logarithm:
                _lower(self.lowest, read.node, values[~hidden])
        if not hidden.any():
            return values
        self.masked.add(read.node)
        if read.logarithm:
            floor = np.where(hidden, np.float32(np.inf), values).min(axis=read.axis, keepdims=True)
        return np.maximum(values, floor)

    def matters_only_so(self, index: int, graph: Graph) -> bool:
        """Whether nobody asks what a Softmax reads: it is masked, or inside the network."""
        inside = graph.nodes[index].output[0] not in graph.visible
        return index in self.masked or (inside and graph.nodes[index].op_type == "Softmax")

    def counts_from(self, index: int, bits: int) -> float:
        """The least number that counts before a Softmax, whose integers have so many bits."""
        # What is masked may not come near the largest, of which it must stay no part.
        least = self.least[index] - reach(bits)
        return min(least, self.lowest.get(index, least))


def _lower(found: dict[int, float], index: int, values: Array) -> None:
    """Take the least of some values into account."""
    found[index] = min(found.get(index, math.inf), float(values.min(initial=math.inf)))


def _before_product(name: str, factor: float, graph: Graph) -> tuple[str, float]:
    """What is multiplied by a positive constant to make a tensor, and the factor from there on."""
    maker = graph.maker(name)
    if maker is not None and maker.op_type in ("Mul", "Div"):
        source, by = maker.input[0], scalar(maker.input[1], graph)
        alone = graph.only_consumer(source) is not None
        if alone and by is not None and by > 0 and not graph.is_constant(source):
            return source, factor * (by if maker.op_type == "Mul" else 1 / by)
    return "", factor


class CountingLimits:
    """Beyond which limits the values of a tensor, and of an operand, do not count.

    They come from what reads the tensor, back from the Softmaxes whose inputs hold masks; and a
    constant that Max and Min let through counts only where the other operand has such values.
    """

    def __init__(
        self, plan: Plan, inputs: SoftmaxInputs, ranges: Mapping[str, TensorRange]
    ) -> None:
        self._plan, self._ranges, self._inputs = plan, ranges, inputs
        self.tensors: dict[str, Limits] = {}
        self.operands: dict[Operand, Limits] = {}
        for index in range(len(plan.graph.nodes) - 1, -1, -1):
            for name in plan.graph.nodes[index].output:
                self._limit(name)
            for place, name in enumerate(plan.graph.nodes[index].input):
                limits = self._of_operand(index, place) if name else UNLIMITED
                if limits != UNLIMITED:
                    self.operands[index, place] = limits
        for name in plan.graph.inputs:
            self._limit(name)

    def _limit(self, name: str) -> None:
        """Those of a tensor: beyond those of all that reads it."""
        graph = self._plan.graph
        readers = graph.consumers(name)
        if not readers or name in graph.visible:
            return
        found = [
            self.operands.get((reader, place), UNLIMITED)
            for reader in readers
            for place, read in enumerate(graph.nodes[reader].input)
            if read == name
        ]
        limits = min(low for low, _ in found), max(high for _, high in found)
        if limits != UNLIMITED:
            self.tensors[name] = limits

    def _of_operand(self, index: int, place: int) -> Limits:
        graph, node = self._plan.graph, self._plan.graph.nodes[index]
        known = index in self._inputs.least and self._inputs.matters_only_so(index, graph)
        if node.op_type in SOFTMAXES and known:
            return self._inputs.counts_from(index, self._plan.bits(index)), math.inf
        limits = self.tensors.get(node.output[0], UNLIMITED)
        if len(node.output) > 1:
            several = [self.tensors.get(name, UNLIMITED) for name in node.output if name]
            limits = min(low for low, _ in several), max(high for _, high in several)
        if node.op_type in ("Max", "Min") and graph.is_constant(node.input[place]):
            other = self._range(node.input[1 - place])
            own = (other.low, math.inf) if node.op_type == "Max" else (-math.inf, other.high)
            return max(limits[0], own[0]), min(limits[1], own[1])
        if node.op_type in ("Add", "Sub") and limits != UNLIMITED:
            return self._of_sum(index, place, limits)
        if place == 0 and node.op_type in ("Mul", "Div"):
            by = scalar(node.input[1], graph)
            if by is None or by <= 0:
                return UNLIMITED
            factor = by if node.op_type == "Mul" else 1 / by
            return limits[0] / factor, limits[1] / factor
        passes = node.op_type in _SAME and (place == 0 or node.op_type in ("Max", "Min"))
        return limits if passes else UNLIMITED

    def _of_sum(self, index: int, place: int, limits: Limits) -> Limits:
        """Below the lower limit whatever is added, above the upper one whatever is added."""
        node = self._plan.graph.nodes[index]
        other = self._range(node.input[1 - place])
        low, high = limits
        if node.op_type == "Add":
            return low - other.high, high - other.low
        if place == 0:
            return low + other.low, high + other.high
        return other.low - high, other.high - low

    def _range(self, name: str) -> TensorRange:
        if not self._plan.graph.is_constant(name):
            return self._ranges.get(name, TensorRange(*UNLIMITED))
        value = self._plan.graph.constant(name)
        return TensorRange(float(value.min(initial=0.0)), float(value.max(initial=0.0)))
