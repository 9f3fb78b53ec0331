"""All exponents of a network, within what the chip's kernels can compute.

Must never choose the exponent that suits a tensor: those of groups and layers are given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..onnx_graphs.graph import Array
from .exponents import Integers
from .layer_exponents import LayerExponents
from .plan import Operand, Plan
from .sharing import Member, Sharing

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


def widened(plan: Plan, sharing: Sharing) -> Iterator[tuple[Operand, str]]:
    """The operands that int8 tensors become int16 for, and these tensors."""
    for node, place in sorted(sharing.conversions):
        if plan.operand_bits(node, place) == 16:
            yield (node, place), plan.graph.nodes[node].input[place]


class SettledExponents:
    """The exponents of groups and layers on their way to what the kernels can compute."""

    def __init__(
        self,
        plan: Plan,
        sharing: Sharing,
        group: dict[Member, int],
        layers: Sequence[LayerExponents],
        *,
        per_channel: bool,
    ) -> None:
        self.plan, self.sharing, self.find = plan, sharing, sharing.groups.find
        self.group, self.layers, self.per_channel = group, layers, per_channel
        self.widened = list(widened(plan, sharing))
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
