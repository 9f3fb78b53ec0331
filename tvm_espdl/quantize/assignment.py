"""Gives every tensor its exponent, within what the chip's kernels can compute.

Must never write a graph; the rules of sharing come from `sharing`, the numbers from `exponents`.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from .settled_exponents import WIDER, Assignment, SettledExponents, widened
from .shared_exponents import is_magnified, shared_exponent
from .sharing import Member, Sharing, share_exponents
from .softmax_inputs import UNLIMITED, CountingLimits, SoftmaxInputs

#: What has a rule about the exponent of its input: its exponentials overflow.
SOFTMAXES = ("Softmax", "LogSoftmax")


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
        for operand, name in widened(self.plan, self.sharing):
            group[self.find(operand)] = group[self.find(name)] - WIDER
        for member, exponent in self.sharing.fixed.items():
            group[self.find(member)] = exponent
        layers = [layer.shifted(shifts.get(layer.layer.node, 0)) for layer in self._layers]
        return SettledExponents(
            self.plan, self.sharing, group, layers, per_channel=self.choice.per_channel
        ).result()

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
