"""Gives every tensor its exponent, within what the chip's kernels can compute.

Must never write a graph; the rules of sharing come from `sharing`, the numbers from `exponents`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..chips import Chip
from ..errors import DataError
from ..onnx_graphs.graph import Array
from .calibration import TensorRange
from .exponents import HIGHEST_EXPONENT, Integers
from .histogram import Histogram
from .layer_exponents import LayerExponents, check_finite
from .methods import Method
from .plan import Layer, Operand, Plan
from .shared_exponents import is_magnified, shared_exponent
from .sharing import Member, Sharing, share_exponents


@dataclass(frozen=True)
class Assignment:
    """The exponents of a quantized network; operands are named by node and position."""

    tensors: dict[str, int]  #: Of every quantized activation.
    constants: dict[Operand, int]  #: Of the constant operands.
    requantized: dict[Operand, int]  #: Of the inputs that are requantized.
    weights: dict[int, Integers]  #: Of each layer's weights, by its node: one, or one per channel.
    per_channel: bool  #: Whether weights may have one exponent per output channel.
    #: Float values that replace constant operands: biases that were corrected, weights whose
    #: rounding was chosen.

    values: Mapping[Operand, Array] = field(default_factory=dict)

    def input_exponent(self, plan: Plan, index: int, place: int = 0) -> int:
        """The exponent at which node `index` reads an activation."""
        name = plan.graph.nodes[index].input[place]
        return self.requantized.get((index, place), self.tensors[name])


@dataclass(frozen=True)
class Choice:
    """How exponents are chosen."""

    method: Method | None  #: Costs of an activation's exponents; None where no value may saturate.
    per_channel: bool  #: Whether weights get one exponent per output channel.
    #: Exponents of weights by the layer's node, where they are not those at which none saturates.
    weights: Mapping[int, Integers] = field(default_factory=dict)
    #: Exponents of activations that are known beforehand, by the width of their integers; the
    #: method has no say about them.
    exponents: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    #: What a search adds to the chosen exponents, by any member of a group of activations, or by
    #: the index of a layer's node for its weights.
    shifts: Mapping[Member | int, int] = field(default_factory=dict)


class _Assigner:
    """One assignment in the making."""

    def __init__(
        self, plan: Plan, ranges: Mapping[str, TensorRange], choice: Choice, chip: Chip
    ) -> None:
        self.plan, self.ranges, self.choice, self.chip = plan, ranges, choice, chip
        self.sharing: Sharing = share_exponents(plan)
        self.group: dict[Member, int] = {}
        self.layers = [self._layer(layer) for layer in plan.layers()]

    def _layer(self, layer: Layer) -> LayerExponents:
        found = LayerExponents(
            layer,
            self.plan,
            self.chip,
            per_channel=self.choice.per_channel,
            product=self.ranges.get(self.plan.sum_tensor(layer)),
        )
        found.own = self.choice.weights.get(layer.node, found.own)
        found.own = found.own + self.choice.shifts.get(layer.node, 0)
        return found

    def find(self, member: Member) -> Member:
        return self.sharing.groups.find(member)

    def choose_groups(self) -> None:
        """The exponent of each group on its own, without regard to what kernels need."""
        seen = self._members()
        edges: dict[Member, list[str]] = {}
        for (node, place), output in self.sharing.edges.items():
            name = self.plan.graph.nodes[node].input[place]
            edges.setdefault(self.find(output), []).append(name)
        for root, members in self.sharing.groups.all().items():
            bits = self._bits(root)
            ranges = [seen[member] for member in members if member in seen]
            ranges += [self.ranges[name] for name in edges.get(root, []) if name in seen]
            known = [
                self.choice.exponents[name][bits]
                for name in (*members, *edges.get(root, []))
                if isinstance(name, str) and name in seen and name in self.choice.exponents
            ]
            self.group[root] = (
                max(known)
                if known
                else shared_exponent(
                    ranges,
                    bits,
                    self.choice.method,
                    self.chip.rounding,
                    headroom=any(isinstance(member, str) for member in members),
                    magnified=is_magnified(members, self.plan),
                )
            )
        for member, shift in self.choice.shifts.items():
            if not isinstance(member, int):
                self.group[self.find(member)] += shift
        for node, place in self.sharing.conversions:
            if self.plan.operand_bits(node, place) == 16:
                # Eight more bits below the point: nothing is lost.
                name = self.plan.graph.nodes[node].input[place]
                self.group[node, place] = self.group[self.find(name)] - 8
        for member, exponent in self.sharing.fixed.items():
            self.group[self.find(member)] = exponent

    def _bits(self, member: Member) -> int:
        if isinstance(member, tuple):
            return self.plan.operand_bits(*member)
        return self.plan.tensor_bits(member)

    def _members(self) -> dict[Member, TensorRange]:
        seen: dict[Member, TensorRange] = {
            name: self.ranges[name]
            for name in (*self.plan.tensors(), *self.plan.unread_states)
            if name not in self.sharing.silent
        }
        for index in self.plan.rules:
            for place, name in self.plan.constants(index):
                value = self.plan.graph.constant(name)
                check_finite(value, name)
                seen[index, place] = constant_range(value.astype(np.float32))
        for index, place in self.sharing.conversions:
            seen[index, place] = self.ranges[self.plan.graph.nodes[index].input[place]]
        return seen

    def raise_outputs(self) -> None:
        """Raise exponents of outputs that would lie below those of their products."""
        # The kernels shift the sum of products right, never left: the output's exponent is at
        # least that of the products. Raising one output may raise a layer after it, so until
        # nothing moves; it ends because exponents only pass from a layer's input to its output.
        products = [i for i, rule in self.plan.rules.items() if rule.kind == "product"]
        moved = True
        while moved:
            moved = False
            needed = [
                (layer.layer.output, (e := self.input_of(layer)) + int(layer.at(e).max()))
                for layer in self.layers
            ]
            for index in products:
                exponents = [self.operand(index, *entry) for entry in self.plan.operands(index)]
                needed.append((self.plan.kernel_output(index), sum(exponents)))
            for output, least in needed:
                root = self.find(output)
                if self.group[root] < least:
                    self.group[root], moved = least, True

    def input_of(self, layer: LayerExponents) -> int:
        """The exponent that a layer reads its input at."""
        return self.operand(layer.layer.node, 0, self.plan.graph.nodes[layer.layer.node].input[0])

    def operand(self, index: int, place: int, name: str) -> int:
        """The exponent that node `index` reads an operand at."""
        own = self.plan.graph.is_constant(name) or (index, place) in self.sharing.conversions
        return self.group[self.find((index, place) if own else name)]

    def result(self) -> Assignment:
        """All exponents."""
        graph = self.plan.graph
        tensors = {name: self.group[self.find(name)] for name in self.plan.tensors()}
        constants = {
            (index, place): self.group[self.find((index, place))]
            for index in self.plan.rules
            for place, _ in self.plan.constants(index)
        }
        requantized = {
            (node, place): tensors[output]
            for (node, place), output in self.sharing.edges.items()
            if tensors[output] != tensors[graph.nodes[node].input[place]]
            or self.plan.tensor_bits(graph.nodes[node].input[place]) != self.plan.bits(node)
        }
        requantized |= {operand: self.group[operand] for operand in self.sharing.conversions}
        for operands in self.sharing.meetings:
            requantized |= self._met(operands, tensors)
        weights = {layer.layer.node: layer.at(self.input_of(layer)) for layer in self.layers}
        return Assignment(tensors, constants, requantized, weights, self.choice.per_channel)

    def _met(self, operands: Sequence[Operand], tensors: Mapping[str, int]) -> dict[Operand, int]:
        """Those of some operands that are brought to the coarsest exponent of them all."""
        wanted, own = self.plan.bits(operands[0][0]), {}
        for node, place in operands:
            name = self.plan.graph.nodes[node].input[place]
            bits = self.plan.tensor_bits(name)
            own[node, place] = tensors[name], bits, tensors[name] + bits - wanted
        coarsest = max(exponent for *_, exponent in own.values())
        return {
            operand: coarsest
            for operand, (exponent, bits, _) in own.items()
            if (exponent, bits) != (coarsest, wanted)
        }


def assign_exponents(
    plan: Plan, ranges: Mapping[str, TensorRange], choice: Choice, chip: Chip
) -> Assignment:
    """Choose all exponents, by the ranges that calibration measured.

    Raises DataError or ModelError if a value is too large for any exponent, or a weight is not
    finite.
    """
    assigner = _Assigner(plan, ranges, choice, chip)
    assigner.choose_groups()
    assigner.raise_outputs()
    assignment = assigner.result()
    _check_limits(assignment.tensors, ranges)
    return assignment


def constant_range(value: Array) -> TensorRange:
    """The range and distribution of a constant."""
    histogram = Histogram()
    histogram.add(value)
    return TensorRange(histogram.low, histogram.high, histogram)


def _check_limits(tensors: dict[str, int], ranges: Mapping[str, TensorRange]) -> None:
    for name, exponent in tensors.items():
        if exponent > HIGHEST_EXPONENT:
            raise DataError(
                "values too large for any exponent",
                where=f"tensor {name!r}",
                found=f"{ranges[name].low:g} to {ranges[name].high:g}, exponent {exponent}",
                allowed=f"exponents up to {HIGHEST_EXPONENT}",
                try_="scale the calibration data as the network was trained",
            )
