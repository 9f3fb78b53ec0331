"""Everything a search for better integers works with: network, measurements, samples, trials.

Must never report an accuracy to the user: its figures are float simulations, for comparing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from onnx import ModelProto

from ..chips import Chip
from ..onnx_graphs.graph import Array, Graph
from ..samples import ProgressLine, Sample
from .assignment import Assigner, Choice, check_limits
from .calibration import TensorRange, watching
from .candidate import Candidate, Values
from .channel_scaling import Scaling, patch_factors, same_scaling, scale_model, scaled_ranges
from .channel_sets import ChannelSet, find_channel_sets
from .importance import layer_gains
from .layer_statistics import LayerStatistics
from .masks import log_probabilities
from .plan import Layer, Operand, Plan
from .qdq import write_qdq
from .settled_exponents import Assignment
from .sharing import Member
from .simulation import Simulation, noise_power
from .weight_exponents import layer_weight_exponents
from .weight_rounding import rounded_layer
from .workers import map_ahead


@dataclass(frozen=True, eq=False)
class Workbench:
    """A network with all that was measured of it."""

    model: ModelProto  #: The preprocessed float network.
    plan: Plan
    chip: Chip
    choice: Choice
    ranges: Mapping[str, TensorRange]  #: What calibration measured.
    statistics: LayerStatistics  #: What calibration measured of the inputs of layers.
    samples: Sequence[Sample]  #: To search with.
    held_out: Sequence[Sample]  #: To judge by; they took part in nothing before.
    #: The network before its channels were scaled; None: they were not.
    origin: Workbench | None = None
    scaling: Scaling = field(default_factory=dict)  #: How its channels were scaled.
    progress: ProgressLine = field(default_factory=ProgressLine)  #: Where trials are shown.
    _rounded: dict[tuple[int, int, tuple[int, ...]], Values] = field(default_factory=dict)
    _outputs: dict[tuple[str, ...], list[Sample]] = field(default_factory=dict)
    _scaled: list[Workbench] = field(default_factory=list, init=False)
    _latest: list[tuple[Mapping[Member | int, int], Assignment]] = field(
        default_factory=list, init=False
    )

    def of(self, candidate: Candidate) -> Workbench:
        """The workbench of the network that `candidate` belongs to: its channels are scaled."""
        if same_scaling(candidate.scaling, self.scaling):
            return self
        if self.origin is not None:
            return self.origin.of(candidate)
        known = (bench for bench in self._scaled if same_scaling(candidate.scaling, bench.scaling))
        found = next(known, None)
        if found is None:
            found = self.scaled(candidate.scaling)
            self._scaled.append(found)
        return found

    def scaled(self, scaling: Scaling) -> Workbench:
        """The workbench of the scaled network, its ranges measured on the samples it keeps."""
        graph, sets = self.plan.graph, [e for e in self.channel_sets if e.name in scaling]
        model = scale_model(self.model, self.plan, sets, scaling)
        plan = replace(self.plan, graph=Graph(model))
        names = [name for entry in sets for name in entry.tensors]
        found = scaled_ranges(sets, scaling, self.float_tensors(names, self.samples))
        # Tensors inside a kernel are measured only where calibration did, too.
        ranges = {name: found.get(name, seen) for name, seen in self.ranges.items()}
        factors = {}
        for entry in sets:
            for node in entry.readers:
                if graph.nodes[node].op_type != "ConvTranspose":
                    factors[node] = patch_factors(node, entry, scaling[entry.name], graph)
        statistics = self.statistics.divided(factors)
        changed = {layer for entry in sets for layer in (*entry.makers, *entry.readers)}
        return replace(
            self,
            model=model,
            plan=plan,
            choice=replace(
                self.weighed(plan, statistics, changed), gains=layer_gains(plan, statistics)
            ),
            ranges=ranges,
            statistics=statistics,
            origin=self,
            scaling=scaling,
            _rounded={key: v for key, v in self._rounded.items() if key[0] not in changed},
        )

    def with_plan(self, plan: Plan) -> Workbench:
        """The workbench of another plan of the same network, on the measurements that were made."""
        weighed = self.choice.weights
        changed = {n for n in weighed if plan.bits(n) != self.plan.bits(n) and n in plan.rules}
        return replace(self, plan=plan, choice=self.weighed(plan, self.statistics, changed))

    def weighed(self, plan: Plan, statistics: LayerStatistics, changed: set[int]) -> Choice:
        """The choice with the weight exponents of the layers `changed` found anew, if any were."""
        nodes, per_channel = changed & self.choice.weights.keys(), self.choice.per_channel
        found = layer_weight_exponents(
            plan, statistics, self.chip.rounding, per_channel=per_channel, nodes=nodes
        )
        return replace(self.choice, weights={**self.choice.weights, **found})

    def write(self, candidate: Candidate) -> ModelProto:
        """The QDQ model of `candidate`, its Clips absorbed where saturation does their work."""
        own, assignment = self.of(candidate), self.of(candidate).assign(candidate)
        plan = own.plan.absorb_clips(assignment.tensors)
        return write_qdq(own.model, plan, assignment, own.chip)

    @cached_property
    def channel_sets(self) -> list[ChannelSet]:
        """What may be scaled."""
        return find_channel_sets(self.plan)

    def assign(self, candidate: Candidate) -> Assignment:
        """The exponents and replaced values of `candidate`."""
        assignment = self._exponents(candidate.shifts)
        values: dict[Operand, Array] = {}
        if candidate.rounded:
            values.update(self._rounded_values(assignment))
        values.update(candidate.values)
        for operand, offset in candidate.offsets.items():
            name = self.plan.graph.nodes[operand[0]].input[operand[1]]
            values[operand] = values.get(operand, self.plan.graph.constant(name)) + offset
        return replace(assignment, values=values)

    @cached_property
    def assigner(self) -> Assigner:
        """What chooses the exponents."""
        return Assigner(self.plan, self.ranges, self.choice, self.chip)

    def _exponents(self, shifts: Mapping[Member | int, int]) -> Assignment:
        # Trials of biases and of rounding follow each other at the same exponents.
        for known, assignment in self._latest:
            if known == shifts:
                return assignment
        found = self.assigner.assign(shifts)
        check_limits(found.tensors, self.ranges)
        self._latest[:] = [(dict(shifts), found)]
        return found

    def _rounded_values(self, assignment: Assignment) -> Values:
        layers, bits = self.plan.layers(), self.plan.bits
        exponents = assignment.weights
        nodes = [layer.node for layer in layers]
        keys = {node: (node, bits(node), tuple(exponents[node].tolist())) for node in nodes}

        def rounded(layer: Layer) -> Values:
            return rounded_layer(
                layer, exponents[layer.node], self.plan, self.statistics, self.chip.rounding
            )

        new = [layer for layer in layers if keys[layer.node] not in self._rounded]
        for layer, values in zip(new, map_ahead(rounded, new), strict=True):
            self._rounded[keys[layer.node]] = values
            self.progress.step()
        return {k: v for layer in layers for k, v in self._rounded[keys[layer.node]].items()}

    @cached_property
    def simulation(self) -> Simulation:
        """The network for trials, with every layer's input and sum watched."""
        if self.origin is not None:
            return self.origin.simulation.of_constants(self.plan)
        sums = [self.plan.sum_tensor(layer) for layer in self.plan.layers()]
        first = self._exponents({})
        inputs = [self.plan.graph.nodes[layer.node].input[0] for layer in self.plan.layers()]
        watched = [*self.plan.objective(), *inputs]
        return Simulation(self.model, self.plan, first, self.chip, watched=watched, sums=sums)

    def float_tensors(self, names: Sequence[str], samples: Sequence[Sample]) -> Iterator[Sample]:
        """Tensors of the float network, one dict per sample."""
        return map_ahead(watching(self.model, names), samples)

    def simulated_tensors(
        self, names: Sequence[str], samples: Sequence[Sample], *, sums: bool = False
    ) -> Iterator[Sample]:
        """Activations, or sums of layers, in the simulation as it is set, one dict per sample."""
        self.progress.step()
        run = self.simulation.run_sums if sums else self.simulation.run
        return map_ahead(lambda one: dict(zip(names, run(one, names), strict=True)), samples)

    def _float_outputs(
        self, kind: str, samples: Sequence[Sample], names: Sequence[str] | None = None
    ) -> list[Sample]:
        # Kept in a field: benches that `replace` makes of this one compute the same function.
        wanted = names or self.plan.objective()
        key = (kind, *wanted)
        if key not in self._outputs:
            self._outputs[key] = list(self.float_tensors(wanted, samples))
        return self._outputs[key]

    def noise(self, candidate: Candidate, part: slice = slice(None)) -> float:
        """Noise over signal on the samples to search with, or a part of them."""
        return next(self.noises(candidate, (part,)))

    def noises(self, candidate: Candidate, parts: Iterable[slice]) -> Iterator[float]:
        """Noise over signal on parts of the samples to search with, each run when it is asked."""
        self.simulation.set(self.assign(candidate))
        references = self._float_outputs("searched", self.samples)
        for part in parts:
            yield self._noise(self.samples[part], references[part])

    def held_out_noise(self, candidate: Candidate) -> float:
        """Noise over signal on the samples held out; on the others where there are none."""
        if not self.held_out:
            return self.noise(candidate)
        self.simulation.set(self.assign(candidate))
        return self._noise(self.held_out, self._float_outputs("held out", self.held_out))

    def judge(self, candidate: Candidate) -> tuple[float, float]:
        """Noise over signal on the samples held out, or on the others where there are none.

        Of what the search looks at, and of the network's own float outputs: they differ where the
        network ends in a Softmax.
        """
        noise = self.held_out_noise(candidate)
        outputs = [name for name in self.plan.graph.outputs if self.plan.graph.is_float(name)]
        if not outputs or outputs == self.plan.objective():
            return noise, noise
        samples, kind = (self.held_out, "judged") if self.held_out else (self.samples, "own")
        references = self._float_outputs(kind, samples, outputs)
        return noise, self._noise(samples, references, outputs)

    def _noise(
        self,
        samples: Sequence[Sample],
        references: Sequence[Sample],
        names: Sequence[str] | None = None,
    ) -> float:
        found = self.simulated_tensors(names or self.plan.objective(), samples)
        return noise_power(references, list(found), log_probabilities(self.plan.graph))
