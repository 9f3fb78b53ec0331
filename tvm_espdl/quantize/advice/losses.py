"""Which rounding makes the noise in the network's outputs: each is left out once, and measured.

Must never propose anything; it only measures, by simulation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...samples import Sample
from ..candidate import Candidate
from ..exponents import held_values
from ..masks import log_probabilities
from ..methods.mse import mse
from ..plan import Operand, Plan
from ..qdq import stored_constants
from ..settled_exponents import Assignment
from ..simulation import noise_power
from ..workbench import Workbench

#: What is rounded: activations by name, constants and requantized operands by their place.
Key = str | Operand


@dataclass(frozen=True)
class Rounding:
    """One rounding, and what only repeats it on the way of a tensor.

    `node` makes the tensor, or reads the constant; None for inputs of the network.
    """

    key: Key
    node: int | None
    keys: frozenset[Key]
    relative: float  #: Noise over signal of the tensor itself, as calibration tells.


@dataclass(frozen=True)
class Loss:
    """What a rounding adds to the noise over signal of the outputs."""

    rounding: Rounding
    noise: float


class Measured:
    """The noise of a network's outputs on some samples, with some of its roundings left out."""

    def __init__(self, bench: Workbench, candidate: Candidate, samples: Sequence[Sample]) -> None:
        self.bench, self.samples = bench, samples
        self.names = bench.plan.objective()
        self.assignment = bench.assign(candidate)
        self.references = list(bench.float_tensors(self.names, samples))
        self.noise = self.without(())

    def without(self, keys: Sequence[Key] | frozenset[Key]) -> float:
        """Noise over signal, mean over the tensors that judge, without the roundings `keys`."""
        self.bench.simulation.set(self.assignment, keys)
        found = list(self.bench.simulated_tensors(self.names, self.samples))
        return noise_power(self.references, found, log_probabilities(self.bench.plan.graph))

    def losses(self, most: int) -> list[Loss]:
        """What each rounding adds, the largest first; of the coarsest so many."""
        found = sorted(
            roundings(self.bench, self.assignment), key=lambda one: (-one.relative, str(one.key))
        )
        losses = [Loss(one, self.noise - self.without(one.keys)) for one in found[:most]]
        return sorted(losses, key=lambda loss: -loss.noise)


def roundings(bench: Workbench, assignment: Assignment) -> Iterator[Rounding]:
    """Every place in the network where numbers become coarser."""
    plan, graph = bench.plan, bench.plan.graph
    known = set(bench.simulation.rounded)
    for name in plan.tensors():
        maker = graph.producer(name)
        rule = None if maker is None else plan.rules.get(maker)
        if rule is not None and (rule.moves or rule.kind in ("share", "clip", "recurrent")):
            continue  # what it reads is rounded already, or the kernel rounds otherwise
        keys = frozenset({name, *_repeats(name, plan)} & known)
        relative = _relative(bench, name, assignment)
        if keys and relative:
            yield Rounding(name, maker, keys, relative)
    stored = stored_constants(plan, assignment, bench.chip)
    biases = {layer.bias: (layer.node, 1) for layer in plan.layers() if layer.bias is not None}
    for operand, constant in stored.items():
        if operand in biases or plan.rules[operand[0]].kind == "recurrent":
            continue
        value = graph.constant(constant.name).astype(np.float64)
        exponents = constant.spread(value.ndim)
        held = held_values(value, exponents, constant.limit, bench.chip.rounding)
        power = float((value**2).sum())
        if power and not np.array_equal(held, value):
            own = frozenset(
                {operand, *(bias for bias, place in biases.items() if place == operand)}
            )
            yield Rounding(operand, operand[0], own, float(((held - value) ** 2).sum()) / power)


def _repeats(name: str, plan: Plan) -> Iterator[Key]:
    """Where the same numbers are rounded again: moved, or requantized where they are read."""
    for reader in plan.graph.consumers(name):
        if reader not in plan.rules:
            continue
        rule = plan.rules[reader]
        for place, read in plan.operands(reader):
            if read == name:
                yield reader, place
        if rule.moves or rule.kind in ("share", "clip"):
            for output in filter(None, plan.graph.nodes[reader].output):
                yield output
                yield from _repeats(output, plan)


def _relative(bench: Workbench, name: str, assignment: Assignment) -> float:
    seen, bits = bench.assigner.ranges[name], bench.plan.tensor_bits(name)
    return float(mse(seen, np.array([assignment.tensors[name]]), bits)[0])
