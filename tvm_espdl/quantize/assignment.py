"""Gives every tensor its exponent, within what the chip's kernels can compute.

Must never write a graph; the rules of sharing come from `sharing`, the numbers from `exponents`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..chips import Chip
from ..errors import DataError
from ..onnx_graphs.graph import Array
from ..ops.softmax import LARGEST_EXPONENT
from .calibration import TensorRange
from .exponents import HIGHEST_EXPONENT, Integers
from .histogram import Histogram
from .importance import Gains, Importance
from .layer_exponents import LayerExponents, check_finite
from .methods import Method
from .plan import Layer, Operand, Plan
from .shared_exponents import is_magnified, shared_exponent
from .sharing import Member, Sharing, share_exponents
from .softmax_inputs import UNLIMITED, CountingLimits, SoftmaxInputs

#: What has a rule about the exponent of its input: its exponentials overflow.
SOFTMAXES = ("Softmax", "LogSoftmax")

#: How many more bits below the point an int16 tensor has that an int8 one became: nothing is lost.
WIDER = 8


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
    #: What calibration saw of the inputs of Softmaxes.
    inputs: SoftmaxInputs = field(default_factory=lambda: SoftmaxInputs({}))
    #: What noise in the parts of a Concat does to the layers that read it.
    gains: Gains = field(default_factory=dict)


class Assigner:
    """Chooses exponents by the ranges that calibration measured; shifts of a search come on top.

    Raises ModelError if a weight is not finite.
    """

    def __init__(
        self, plan: Plan, ranges: Mapping[str, TensorRange], choice: Choice, chip: Chip
    ) -> None:
        self.plan, self.choice, self.chip = plan, choice, chip
        self.limits = CountingLimits(plan, choice.inputs, ranges)
        self.ranges = {
            name: seen.within(*self.limits.tensors.get(name, UNLIMITED))
            for name, seen in ranges.items()
        }
        self.sharing: Sharing = share_exponents(plan)
        self._layers = [self._layer(layer) for layer in plan.layers()]
        self._seen = self._members()
        self._weights = Importance(plan, self.sharing, self._seen, choice.gains).weights
        self._chosen = self._choose_groups()
        #: What the chip takes exponentials of in int8.
        self._exponentials = {
            self.find(plan.graph.nodes[index].input[0])
            for index in plan.rules
            if plan.graph.nodes[index].op_type in SOFTMAXES and plan.bits(index) == 8
        }

    def _layer(self, layer: Layer) -> LayerExponents:
        found = LayerExponents(
            layer,
            self.plan,
            self.chip,
            per_channel=self.choice.per_channel,
            product=self.ranges.get(self.plan.sum_tensor(layer)),
        )
        found.own = self.choice.weights.get(layer.node, found.own)
        return found

    def find(self, member: Member) -> Member:
        """The member that stands for the group of `member`."""
        return self.sharing.groups.find(member)

    def _choose_groups(self) -> dict[Member, int]:
        """The exponent of each group on its own, without regard to what kernels need."""
        seen, weights = self._seen, self._weights
        edges: dict[Member, list[Operand]] = {}
        for operand, output in self.sharing.edges.items():
            edges.setdefault(self.find(output), []).append(operand)
        chosen: dict[Member, int] = {}
        for root, members in self.sharing.groups.all().items():
            bits = self._bits(root)
            reading = edges.get(root, [])
            names = [self.plan.graph.nodes[node].input[place] for node, place in reading]
            known = [
                self.choice.exponents[name][bits]
                for name in (*members, *names)
                if isinstance(name, str) and name in seen and name in self.choice.exponents
            ]
            counted = [member for member in (*members, *reading) if member in seen]
            chosen[root] = (
                max(known)
                if known
                else shared_exponent(
                    [seen[member] for member in counted],
                    [weights.get(member, 1.0) for member in counted],
                    bits,
                    self.choice.method,
                    self.chip.rounding,
                    headroom=any(isinstance(member, str) for member in members),
                    magnified=is_magnified(members, self.plan),
                )
            )
        return chosen

    def assign(self, shifts: Mapping[Member | int, int]) -> Assignment:
        """All exponents, with what a search adds to the chosen ones.

        `shifts` are by any member of a group of activations, or by the index of a layer's node for
        its weights. Exponents may lie above `HIGHEST_EXPONENT`.
        """
        group = dict(self._chosen)
        for member, shift in shifts.items():
            if not isinstance(member, int):
                group[self.find(member)] += shift
        for root in self._exponentials:
            if self._chosen[root] <= LARGEST_EXPONENT:
                group[root] = min(group[root], LARGEST_EXPONENT)
        for operand, name in self.widened():
            group[self.find(operand)] = group[self.find(name)] - WIDER
        for member, exponent in self.sharing.fixed.items():
            group[self.find(member)] = exponent
        layers = [layer.shifted(shifts.get(layer.layer.node, 0)) for layer in self._layers]
        return _Settled(self, group, layers).result()

    def widened(self) -> Iterator[tuple[Operand, str]]:
        """The operands that int8 tensors become int16 for, and these tensors."""
        for node, place in sorted(self.sharing.conversions):
            if self.plan.operand_bits(node, place) == 16:
                yield (node, place), self.plan.graph.nodes[node].input[place]

    def operand_range(self, index: int, place: int) -> TensorRange:
        """What node `index` reads at an input."""
        return self._seen[self._member(index, place)]

    def weight(self, index: int, place: int) -> float:
        """How much the noise of that weighs in the choice of its exponent; see `Importance`."""
        return self._weights.get(self._member(index, place), 1.0)

    def _member(self, index: int, place: int) -> Member:
        operand = index, place
        return operand if operand in self._seen else self.plan.graph.nodes[index].input[place]

    def own_weights(self, layer: Layer) -> Integers:
        """The exponents (C,) or (1,) that suit the weights of a layer, whatever kernels need."""
        return next(one.own for one in self._layers if one.layer.node == layer.node)

    def chosen(self, member: Member) -> int:
        """The exponent that suits the group of a member best, whatever kernels need."""
        return self._chosen[self.find(member)]

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
        for index, place in self.sharing.edges:
            seen[index, place] = self.ranges[self.plan.graph.nodes[index].input[place]]
        return {
            member: found
            if isinstance(member, str)
            else found.within(*self.limits.operands.get(member, UNLIMITED))
            for member, found in seen.items()
        }


class _Settled:
    """The exponents of groups and layers on their way to what the kernels can compute."""

    def __init__(
        self, base: Assigner, group: dict[Member, int], layers: Sequence[LayerExponents]
    ) -> None:
        self.plan, self.sharing, self.find = base.plan, base.sharing, base.find
        self.group, self.layers, self.widened = group, layers, list(base.widened())
        self.per_channel = base.choice.per_channel
        self._raise_outputs()

    def _raise_outputs(self) -> None:
        """Raise exponents of outputs that would lie below those of their products."""
        # The kernels shift the sum of products right, never left: the output's exponent is at
        # least that of the products. Raising one output may raise a layer after it, so until
        # nothing moves; it ends because exponents only pass from a layer's input to its output.
        products = [i for i, rule in self.plan.rules.items() if rule.kind == "product"]
        moved = True
        while moved:
            moved = False
            needed: list[tuple[Member, int]] = [
                (layer.layer.output, (e := self.input_of(layer)) + int(layer.at(e).max()))
                for layer in self.layers
            ]
            for index in products:
                exponents = [self.operand(index, *entry) for entry in self.plan.operands(index)]
                needed.append((self.plan.kernel_output(index), sum(exponents)))
            needed += [(o, self.group[self.find(name)] - WIDER) for o, name in self.widened]
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
        requantized |= {o: self.group[self.find(o)] for o in self.sharing.conversions}
        for operands in self.sharing.meetings:
            requantized |= self._met(operands, tensors)
        weights = {layer.layer.node: layer.at(self.input_of(layer)) for layer in self.layers}
        return Assignment(tensors, constants, requantized, weights, self.per_channel)

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


def constant_range(value: Array) -> TensorRange:
    """The range and distribution of a constant."""
    histogram = Histogram()
    histogram.add(value)
    return TensorRange(histogram.low, histogram.high, histogram)


def check_limits(tensors: Mapping[str, int], ranges: Mapping[str, TensorRange]) -> None:
    """Refuse exponents that no scale of float32 has: DataError, naming the tensor."""
    for name, exponent in tensors.items():
        if exponent > HIGHEST_EXPONENT:
            raise DataError(
                "values too large for any exponent",
                where=f"tensor {name!r}",
                found=f"{ranges[name].low:g} to {ranges[name].high:g}, exponent {exponent}",
                allowed=f"exponents up to {HIGHEST_EXPONENT}",
                try_="scale the calibration data as the network was trained",
            )
