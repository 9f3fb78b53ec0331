"""Why the integers of a tensor or of weights are too coarse, in words.

Must never name a remedy: what helps is tried, not concluded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..assignment import Assigner
from ..calibration import TensorRange
from ..exponents import EXPONENT_OF_ZERO, channel_exponents, smallest_exponent
from ..masks import LEAST
from ..methods import DEPTH
from ..methods.mse import mse
from ..plan import Layer, Operand, Plan
from ..precision import name_of
from ..settled_exponents import Assignment
from ..sharing import Member
from .losses import Key, Rounding

#: Noise that an exponent of its own would have to save, as a ratio: one step of the exponent
#: changes it by 4.
LEAST_RATIO = 3.5

#: Root mean square, in steps, below which most values lie on few of the integers.
FEW_STEPS = {8: 8.0, 16: 200.0}

#: Noise in the outputs over that of a tensor, as a ratio, from which it is called magnified.
MAGNIFIED = 10.0

#: Exponents that the channels of a layer have to lie apart to be named.
SPREAD = 2


class Causes:
    """Says of roundings of one network why they lose."""

    def __init__(self, assigner: Assigner, assignment: Assignment) -> None:
        self._assigner, self._assignment = assigner, assignment
        self._plan: Plan = assigner.plan

    def of(self, rounding: Rounding, noise: float) -> str:
        """The cause, a sentence without its subject, of so much noise over signal in the end."""
        text = self._of(rounding.key)
        if noise > MAGNIFIED * rounding.relative:
            text += f", and what follows magnifies noise by {_gain(noise / rounding.relative)}"
        return text

    def _of(self, key: Key) -> str:
        layers = {layer.node: layer for layer in self._plan.layers()}
        if isinstance(key, str):
            return self._of_tensor(key)
        if key[1] == 1 and key[0] in layers:
            return self._of_weights(layers[key[0]])
        return self._of_constant(key)

    def _of_tensor(self, name: str) -> str:
        exponent, bits = self._assignment.tensors[name], self._plan.tensor_bits(name)
        seen = self._assigner.ranges[name]
        read = [exponent, *(self._read_at(name))]
        coarsest = max(read)
        costs = self._costs(seen, bits)
        noise = float(mse(seen, np.array([coarsest]), bits)[0])
        alone, least = min(costs, key=lambda entry: entry[1])
        if noise > LEAST_RATIO * least and alone < coarsest:
            return self._coarse(name, coarsest, alone, noise, least)
        clipped = self._clipped(seen, exponent, bits)
        text = f"{_decibels(noise)} in {bits} bits at exponent {exponent}"
        if clipped > noise / 2:
            return f"{text}; values beyond its {1 << bits} steps saturate, and make half of that"
        steps = math.sqrt(seen.mean_square) * 2.0**-exponent
        largest = max(abs(seen.low), abs(seen.high)) * 2.0**-exponent
        if 0 < steps < FEW_STEPS[bits]:
            return (
                f"{text}; few of its steps are used, for the largest value is {largest / steps:.0f}"
                f" times the root mean square, which is {steps:.1f} steps"
            )
        return text

    def _read_at(self, name: str) -> list[int]:
        """The exponents that it is requantized to where it is read."""
        place_of = self._assignment.requantized
        return [
            place_of[reader, place]
            for reader in self._plan.graph.consumers(name)
            if reader in self._plan.rules
            for place, read in self._plan.operands(reader)
            if read == name and (reader, place) in place_of and self._plan.bits(reader) == 8
        ]

    def _coarse(self, name: str, exponent: int, alone: int, noise: float, least: float) -> str:
        """What it shares the exponent with, or which sum needs it."""
        would = f"{_decibels(noise)}; at {alone} it would have {_decibels(least)}"
        for reader in self._plan.graph.consumers(name):
            if reader not in self._plan.rules or self._plan.rules[reader].kind != "align":
                continue
            others = [(p, n) for p, n in self._plan.operands(reader) if n != name]
            output = self._plan.kernel_output(reader)
            if not others or self._assignment.tensors[output] < exponent:
                continue
            node = self._plan.graph.nodes[reader]
            other = max(others, key=lambda entry: self._wanted(reader, *entry))
            return (
                f"shares its exponent {exponent} with {self._called(reader, *other)} in "
                f"{node.op_type} {name_of(self._plan, reader)}, {would}"
            )
        if self._assignment.tensors[name] > self._assigner.chosen(name):
            return (
                f"its exponent {exponent} is that of the products it is a sum of, which must not "
                f"be coarser than it, {would}"
            )
        others_of_group = self._group(name)
        if others_of_group:
            return f"shares its exponent {exponent} with {', '.join(others_of_group[:2])}, {would}"
        return f"exponent {exponent}, {would}"

    def _wanted(self, index: int, place: int, name: str) -> float:
        """The exponent that an operand needs not to saturate."""
        seen = self._assigner.operand_range(index, place)
        bits = self._plan.bits(index)
        return smallest_exponent(seen.low, seen.high, bits, self._assigner.chip.rounding)

    def _called(self, index: int, place: int, name: str) -> str:
        if not self._plan.graph.is_constant(name):
            return name
        mask = float(self._plan.graph.constant(name).min(initial=0.0)) <= LEAST
        return f"the constant {'mask ' if mask else ''}{name}"

    def _group(self, name: str) -> list[str]:
        find = self._assigner.find
        members: Sequence[Member] = self._assigner.sharing.groups.all()[find(name)]
        return [m for m in members if isinstance(m, str) and m != name]

    def _of_constant(self, operand: Operand) -> str:
        index, place = operand
        seen, bits = self._assigner.operand_range(index, place), self._plan.bits(index)
        exponent = self._assignment.constants[operand]
        noise = float(mse(seen, np.array([exponent]), bits)[0])
        alone, least = min(self._costs(seen, bits), key=lambda entry: entry[1])
        node = self._plan.graph.nodes[index]
        where = f"{node.op_type} {name_of(self._plan, index)}"
        if noise > LEAST_RATIO * least and alone < exponent:
            return (
                f"shares its exponent {exponent} with the other operand of {where}, "
                f"{_decibels(noise)}; at {alone} it would have {_decibels(least)}"
            )
        return f"a constant of {where}, {_decibels(noise)} in {bits} bits at exponent {exponent}"

    def _of_weights(self, layer: Layer) -> str:
        plan, rounding = self._plan, self._assigner.chip.rounding
        bits = plan.bits(layer.node)
        chosen = self._assignment.weights[layer.node]
        own = self._assigner.own_weights(layer)
        value = plan.graph.constant(layer.weight)
        axis = 0 if layer.channel_axis is not None else value.ndim - 1
        channels = channel_exponents(np.moveaxis(value, axis, 0), bits, rounding)
        used = channels[channels > min(int(channels.min()), EXPONENT_OF_ZERO) - 30]
        low, high = int(used.min()), int(used.max())
        where = f"weights of {plan.graph.nodes[layer.node].op_type} {name_of(plan, layer.node)}"
        if (chosen > own).any():
            return (
                f"{where} at exponent {int(chosen.max())} instead of {int(own.max())}, so that "
                f"bias and sum fit the accumulator of the {self._assigner.chip.name}"
            )
        if len(chosen) == 1 and high - low >= SPREAD:
            return (
                f"{where} have one exponent, {int(chosen[0])}, while their channels reach from "
                f"2^{low + bits - 1} to 2^{high + bits - 1}"
            )
        return f"{where} are rounded to {bits} bits"

    def _costs(self, seen: TensorRange, bits: int) -> list[tuple[int, float]]:
        whole = smallest_exponent(seen.low, seen.high, bits, self._assigner.chip.rounding)
        candidates = np.arange(whole, whole - DEPTH, -1)
        return list(zip(candidates.tolist(), mse(seen, candidates, bits).tolist(), strict=True))

    def _clipped(self, seen: TensorRange, exponent: int, bits: int) -> float:
        """Noise over signal of saturation alone: what finer steps of the same reach would leave."""
        finer = int(np.clip(bits + 8, bits, 24))
        return float(mse(seen, np.array([exponent - (finer - bits)]), finer)[0])


def _decibels(noise: float) -> str:
    return "no noise" if noise <= 0 else f"{-10 * math.log10(noise):.0f} dB"


def _gain(ratio: float) -> str:
    return f"{10 * math.log10(ratio):.0f} dB"
